/*
 * A small page table for x86-64, written for this sample from the architecture alone: Intel SDM vol. 3 section 4.5,
 * "4-level paging". It has mistakes that can be switched on, so that one can see how each is found.
 */
#ifndef SAMPLE_TABLE_H
#define SAMPLE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

enum sample_bug {
	NO_BUG,
	BUG_PARTIAL_UNMAP,	/* an unmap of part of a large page reports what was asked for, not what went */
	BUG_STALE_TABLE,	/* a table is freed, and the item that points to it stays */
	BUG_LEVEL_SIZE,		/* a page is as large as its addresses allow, whatever the length says */
	BUG_OFF_BY_ONE,		/* an unmap goes on at the address behind its range */
	BUG_FORGETFUL,		/* an unmap that begins at address 0 tells no one */
	BUG_LEAK,		/* tables below the first that is freed are lost */
	BUG_CRASH,		/* the second large page writes through a null pointer */
	BUG_HANG,		/* an unmap of two large pages never returns */
	BUG_CHATTER,		/* a message for debugging goes to standard output */
	BUG_EXIT,		/* gives up when memory is short */
	BUG_WIDE_CUT,		/* the parts of a page that is cut are writable, whatever it was */
};

enum sample_error { SAMPLE_OK, SAMPLE_INVALID, SAMPLE_IN_USE, SAMPLE_NO_MEMORY };

#define SAMPLE_READ 1u
#define SAMPLE_WRITE 2u

struct sample_table {
	uint8_t *memory;	/* what lies at physical address `base` */
	uint64_t base, bytes;
	unsigned top_level;	/* of the root; 0 is the table of the smallest pages */
	unsigned va_width, oa_width;
	bool sign_extended;
	uint64_t page_sizes;	/* bit n for pages of 2^n bytes */
	enum sample_bug bug;
	uint64_t root;
	uint64_t next_frame, free_frames;	/* never used yet; a list through the frames' first words */
	uint64_t unlinked;	/* frames to be freed when the hardware has forgotten them, a list like the other */
	unsigned fail_at, large_pages;
	/* What happens on the way; set by the owner. */
	void (*took)(uint64_t frame);
	void (*gave)(uint64_t frame);
	void (*forget)(uint64_t first, uint64_t last);
};

bool sample_open(struct sample_table *table);
void sample_close(struct sample_table *table);
enum sample_error sample_map(struct sample_table *table, uint64_t va, uint64_t pa, uint64_t length, unsigned prot,
			     uint64_t *mapped);
uint64_t sample_unmap(struct sample_table *table, uint64_t va, uint64_t length);
/* Makes an address the first of a page: a page that lies across it becomes smaller ones, or nothing is done. */
enum sample_error sample_cut(struct sample_table *table, uint64_t va);
/* Frees the tables of which every address is in the range and none is mapped; false for what is no range. */
bool sample_trim(struct sample_table *table, uint64_t va, uint64_t length, unsigned *freed);
bool sample_lookup(struct sample_table *table, uint64_t va, uint64_t *pa);

#endif

/* See sample-table.h. Levels count from 0 at the smallest pages; a range is (first, last), inclusive. */
#include "sample-table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME 4096u
#define ITEMS 512u
#define NO_FRAME 1u
#define PRESENT (1ull << 0)
#define WRITABLE (1ull << 1)
#define USER (1ull << 2)
#define LARGE (1ull << 7)
#define ADDRESS 0x000ffffffffff000ull
#define LARGEST_LEVEL 2u

static uint64_t *items_of(struct sample_table *table, uint64_t frame)
{
	return (uint64_t *)(table->memory + (frame - table->base));
}

static unsigned size_lg2(unsigned level)
{
	return 12 + 9 * level;
}

static uint64_t *item_at(struct sample_table *table, uint64_t frame, unsigned level, uint64_t va)
{
	return items_of(table, frame) + ((va >> size_lg2(level)) & (ITEMS - 1));
}

static bool is_leaf(uint64_t item, unsigned level)
{
	return level == 0 || (item & LARGE);
}

static uint64_t take_frame(struct sample_table *table)
{
	uint64_t frame = table->free_frames;

	if (table->fail_at && --table->fail_at == 0)
		return NO_FRAME;
	if (frame != NO_FRAME) {
		table->free_frames = items_of(table, frame)[0];
	} else {
		frame = table->next_frame;
		if (frame + FRAME > table->base + table->bytes)
			return NO_FRAME;
		table->next_frame += FRAME;
	}
	memset(items_of(table, frame), 0, FRAME);
	table->took(frame);
	return frame;
}

static void give_frame(struct sample_table *table, uint64_t frame)
{
	items_of(table, frame)[0] = table->free_frames;
	table->free_frames = frame;
	table->gave(frame);
}

static void unlink_frame(struct sample_table *table, uint64_t frame)
{
	items_of(table, frame)[0] = table->unlinked;
	table->unlinked = frame;
}

/* Only now may what was unlinked become something else. */
static void give_unlinked(struct sample_table *table)
{
	while (table->unlinked != NO_FRAME) {
		uint64_t frame = table->unlinked;

		table->unlinked = items_of(table, frame)[0];
		give_frame(table, frame);
	}
}

/* Returns how many they were. */
static unsigned unlink_tables(struct sample_table *table, uint64_t frame, unsigned level)
{
	unsigned tables = 1;

	for (unsigned i = 0; level > 0 && i < ITEMS; i++) {
		uint64_t item = items_of(table, frame)[i];

		if ((item & PRESENT) && !is_leaf(item, level) && table->bug != BUG_LEAK)
			tables += unlink_tables(table, item & ADDRESS, level - 1);
	}
	unlink_frame(table, frame);
	return tables;
}

static bool maps_anything(struct sample_table *table, uint64_t frame, unsigned level)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		uint64_t item = items_of(table, frame)[i];

		if ((item & PRESENT) && (is_leaf(item, level) || maps_anything(table, item & ADDRESS, level - 1)))
			return true;
	}
	return false;
}

/* Whether all addresses are canonical, in one half, and the last is not before the first. */
static bool is_range(struct sample_table *table, uint64_t first, uint64_t last)
{
	uint64_t half = 1ull << (table->va_width - 1);

	if (last < first)
		return false;
	if (!table->sign_extended)
		return last >> 1 < half;
	return last < half || first >= -half;
}

bool sample_open(struct sample_table *table)
{
	table->next_frame = table->base;
	table->free_frames = table->unlinked = NO_FRAME;
	table->fail_at = table->large_pages = 0;
	table->root = take_frame(table);
	return table->root != NO_FRAME;
}

void sample_close(struct sample_table *table)
{
	unlink_tables(table, table->root, table->top_level);
	give_unlinked(table);
}

static unsigned level_for(struct sample_table *table, uint64_t va, uint64_t pa, uint64_t length)
{
	unsigned level = LARGEST_LEVEL;

	for (;; level--) {
		uint64_t size = 1ull << size_lg2(level);
		bool fits = table->bug == BUG_LEVEL_SIZE ? length >= FRAME : length >= size;

		if (level == 0 || ((table->page_sizes & size) && fits && !((va | pa) & (size - 1))))
			return level;
	}
}

/* Writes one leaf; what an empty table there covered is to be forgotten. */
static enum sample_error map_one(struct sample_table *table, uint64_t va, unsigned level, uint64_t leaf, bool *replaced)
{
	uint64_t frame = table->root;
	uint64_t *item;

	for (unsigned at = table->top_level; at > level; at--) {
		item = item_at(table, frame, at, va);
		if ((*item & PRESENT) && is_leaf(*item, at))
			return SAMPLE_IN_USE;
		if (!(*item & PRESENT)) {
			uint64_t below = take_frame(table);

			if (below == NO_FRAME)
				return SAMPLE_NO_MEMORY;
			*item = below | PRESENT | WRITABLE | USER;
		}
		frame = *item & ADDRESS;
	}
	item = item_at(table, frame, level, va);
	if (*item & PRESENT) {
		uint64_t below = *item & ADDRESS;

		if (is_leaf(*item, level) || maps_anything(table, below, level - 1))
			return SAMPLE_IN_USE;
		unlink_tables(table, below, level - 1);
		*replaced = true;
	}
	if (level > 0 && ++table->large_pages == 2 && table->bug == BUG_CRASH)
		*(volatile uint64_t *)0 = leaf;
	*item = leaf;
	return SAMPLE_OK;
}

enum sample_error sample_map(struct sample_table *table, uint64_t va, uint64_t pa, uint64_t length, unsigned prot,
			     uint64_t *mapped)
{
	uint64_t smallest = table->page_sizes & -table->page_sizes;
	uint64_t first = 0, last = 0, done = 0;
	enum sample_error error = SAMPLE_OK;

	*mapped = 0;
	if (length == 0 || ((va | pa | length) & (smallest - 1)) || !(prot & (SAMPLE_READ | SAMPLE_WRITE)))
		return SAMPLE_INVALID;
	if (!is_range(table, va, va + length - 1) || pa + length < pa || (pa + length - 1) >> table->oa_width)
		return SAMPLE_INVALID;
	while (done < length && error == SAMPLE_OK) {
		unsigned level = level_for(table, va + done, pa + done, length - done);
		uint64_t size = 1ull << size_lg2(level);
		uint64_t leaf = (pa + done) | PRESENT | USER | (level > 0 ? LARGE : 0);
		bool replaced = false;

		if (prot & SAMPLE_WRITE)
			leaf |= WRITABLE;
		error = map_one(table, va + done, level, leaf, &replaced);
		if (replaced) {
			first = last ? first : va + done;
			last = va + done + size - 1;
		}
		if (error == SAMPLE_OK)
			done += size;
	}
	if (last)
		table->forget(first, last);
	give_unlinked(table);
	if (error == SAMPLE_NO_MEMORY && table->bug == BUG_EXIT)
		exit(3);
	if (table->bug == BUG_CHATTER && error == SAMPLE_IN_USE)
		printf("mapping 0x%llx: something is there\n", (unsigned long long)(va + done));
	*mapped = done < length ? done : length;
	return error;
}

/* The item with the leaf of an address and its level, or null. */
static uint64_t *leaf_at(struct sample_table *table, uint64_t va, unsigned *level)
{
	uint64_t frame = table->root;

	if (!is_range(table, va, va))
		return NULL;
	for (unsigned at = table->top_level;; at--) {
		uint64_t *item = item_at(table, frame, at, va);

		if (!(*item & PRESENT))
			return NULL;
		*level = at;
		if (is_leaf(*item, at))
			return item;
		frame = *item & ADDRESS;
	}
}

/* Unlinks the tables of which every address is in the range, or of those the empty ones; returns how many. */
static unsigned prune(struct sample_table *table, uint64_t frame, unsigned level, uint64_t va, uint64_t first,
		      uint64_t last, bool only_empty)
{
	uint64_t size = 1ull << size_lg2(level);
	unsigned tables = 0;

	for (unsigned i = 0; level > 0 && i < ITEMS; i++) {
		uint64_t *item = items_of(table, frame) + i;
		uint64_t from = va + i * size, to = from + size - 1;

		if (level == table->top_level && table->sign_extended && i >= ITEMS / 2) {
			from |= -(1ull << table->va_width);
			to = from + size - 1;
		}
		if (!(*item & PRESENT) || is_leaf(*item, level) || last < from || to < first)
			continue;
		if (first <= from && to <= last && !(only_empty && maps_anything(table, *item & ADDRESS, level - 1))) {
			tables += unlink_tables(table, *item & ADDRESS, level - 1);
			if (table->bug != BUG_STALE_TABLE)
				*item = 0;
		} else {
			tables += prune(table, *item & ADDRESS, level - 1, from, first, last, only_empty);
		}
	}
	return tables;
}

uint64_t sample_unmap(struct sample_table *table, uint64_t va, uint64_t length)
{
	uint64_t done = 0;
	unsigned level;

	if (length == 0 || !is_range(table, va, va + length - 1))
		return 0;
	while (done < length || (table->bug == BUG_OFF_BY_ONE && done == length)) {
		uint64_t *item = leaf_at(table, va + done, &level);

		if (!item || ((va + done) & ((1ull << size_lg2(level)) - 1)))
			break;
		*item = 0;
		done += 1ull << size_lg2(level);
		while (table->bug == BUG_HANG && level > 0 && done > 1ull << size_lg2(level))
			;
	}
	if (done == 0)
		return 0;
	prune(table, table->root, table->top_level, 0, va, va + done - 1, false);
	if (table->bug != BUG_FORGETFUL || va != 0)
		table->forget(va, va + done - 1);
	give_unlinked(table);
	return table->bug == BUG_PARTIAL_UNMAP && done > length ? length : done;
}

/*
 * A table in place of a leaf, that nothing points to yet: in it leaves of its level, and where no page of that size is
 * allowed, or the cut goes through one, tables again. Returns the item that would point to it, or 0.
 */
static uint64_t split(struct sample_table *table, uint64_t leaf, unsigned level, uint64_t cut)
{
	uint64_t size = 1ull << size_lg2(level - 1);
	uint64_t frame = take_frame(table);

	if (frame == NO_FRAME)
		return 0;
	for (unsigned i = 0; i < ITEMS; i++) {
		uint64_t part = (leaf + i * size) & (level > 1 ? ~0ull : ~LARGE);
		bool is_cut = (cut & (size - 1)) && ((cut >> size_lg2(level - 1)) & (ITEMS - 1)) == i;

		if (table->bug == BUG_WIDE_CUT)
			part |= WRITABLE;
		if (is_cut || !(table->page_sizes & size))
			part = split(table, part, level - 1, is_cut ? cut : 0);
		if (part == 0) {
			unlink_tables(table, frame, level - 1);
			return 0;
		}
		items_of(table, frame)[i] = part;
	}
	return frame | PRESENT | WRITABLE | USER;
}

enum sample_error sample_cut(struct sample_table *table, uint64_t va)
{
	unsigned level;
	uint64_t *item, parts, inside;

	if (!is_range(table, va, va))
		return SAMPLE_INVALID;
	item = leaf_at(table, va, &level);
	inside = item ? (1ull << size_lg2(level)) - 1 : 0;
	if (!(va & inside))
		return SAMPLE_OK;
	if (va & ((table->page_sizes & -table->page_sizes) - 1))
		return SAMPLE_INVALID;
	parts = split(table, *item, level, va);
	if (parts) {
		*item = parts;
		table->forget(va & ~inside, va | inside);
	}
	give_unlinked(table);
	return parts ? SAMPLE_OK : SAMPLE_NO_MEMORY;
}

bool sample_trim(struct sample_table *table, uint64_t va, uint64_t length, unsigned *freed)
{
	if (length == 0 || !is_range(table, va, va + length - 1))
		return false;
	*freed = prune(table, table->root, table->top_level, 0, va, va + length - 1, true);
	if (*freed > 0)
		table->forget(va, va + length - 1);
	give_unlinked(table);
	return true;
}

bool sample_lookup(struct sample_table *table, uint64_t va, uint64_t *pa)
{
	unsigned level;
	uint64_t *item = leaf_at(table, va, &level);

	if (!item)
		return false;
	uint64_t inside = (1ull << size_lg2(level)) - 1;

	*pa = (*item & ADDRESS & ~inside) | (va & inside);
	return true;
}

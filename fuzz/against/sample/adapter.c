/*
 * Speaks genpt's protocol for the sample's page table: lines with an operation in, lines with what became of it out.
 * docs/against.md has the grammar. To judge your own code, keep the reading and the answering and replace the calls.
 *
 *     adapter [BUG]    one of the mistakes of sample-table.h, such as partial-unmap
 */
#include "sample-table.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct sample_table table;
static bool shared, refused;
static char memory_file[4096];

static const char *const bugs[] = {
	"none", "partial-unmap", "stale-table", "level-size", "off-by-one", "forgetful",
	"leak", "crash", "hang", "chatter", "exit", "wide-cut",
};

static void took(uint64_t frame)
{
	printf("+ 0x%" PRIx64 " 4096\n", frame);
}

static void gave(uint64_t frame)
{
	printf("- 0x%" PRIx64 "\n", frame);
}

static void forget(uint64_t first, uint64_t last)
{
	printf("! 0x%" PRIx64 " 0x%" PRIx64 "\n", first, last);
}

/* One thing that is to be known of the table that the next `open` makes. */
static void set(const char *key, const char *value)
{
	uint64_t number = strtoull(value, NULL, 0);

	if (!strcmp(key, "format"))
		refused = strcmp(value, "x86-64") != 0;
	else if (!strcmp(key, "topLevel"))
		table.top_level = number;
	else if (!strcmp(key, "vaWidthLg2"))
		table.va_width = number;
	else if (!strcmp(key, "oaWidthLg2"))
		table.oa_width = number;
	else if (!strcmp(key, "signExtended"))
		table.sign_extended = number;
	else if (!strcmp(key, "pageSizes"))
		table.page_sizes = number & 0x40201000;
	else if (!strcmp(key, "memoryBase"))
		table.base = number;
	else if (!strcmp(key, "memoryBytes"))
		table.bytes = number;
	else if (!strcmp(key, "memoryFile"))
		snprintf(memory_file, sizeof(memory_file), "%s", value);
	else if (!strcmp(key, "gather"))
		refused |= strcmp(value, "range") != 0;
	else if (!strcmp(key, "partialUnmap") || !strcmp(key, "freeing"))
		refused |= strcmp(value, "whole") && strcmp(value, "covered");
	else if (!strcmp(key, "incoherent") || !strcmp(key, "tiny") || !strcmp(key, "encryptionBit"))
		refused |= number != 0;
}

/* The memory is the file that genpt reads as well, or our own, of which it asks to read. */
static void use_memory(void)
{
	static uint64_t bytes;
	int file = memory_file[0] ? open(memory_file, O_RDWR) : -1;

	if (table.memory)
		munmap(table.memory, bytes);
	shared = file >= 0;
	bytes = table.bytes;
	table.memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file, 0);
	if (shared)
		close(file);
	if (table.memory == MAP_FAILED)
		exit(1);
}

static void open_table(void)
{
	if (refused) {
		printf("no\n");
		return;
	}
	use_memory();
	sample_open(&table);
	printf("can reset write lookup fail refusals overlaps partial%s\n", shared ? " shared" : "");
	printf("can cut trim mapruns\n");
	printf("judge frames tables invalidations\n");
	printf("sizes 0x%" PRIx64 "\nprot 3\n", table.page_sizes);
	printf("root 0x%" PRIx64 " %u\nok 1\n", table.root, table.top_level);
}

static const char *const reasons[] = { "", "EINVAL", "EADDRINUSE", "ENOMEM" };

/* Physical runs, one behind the other; those that go on from each other are one. */
static void map(uint64_t va, const uint64_t *runs, const uint64_t *end, unsigned prot)
{
	uint64_t mapped = 0;
	enum sample_error error = SAMPLE_OK;

	while (runs < end && error == SAMPLE_OK) {
		uint64_t pa = runs[0], length = runs[1], done = 0;

		for (runs += 2; runs < end && runs[0] && runs[0] == pa + length; runs += 2)
			length += runs[1];
		/* Nothing comes behind the last of all addresses. */
		error = mapped && va + mapped == 0 ? SAMPLE_INVALID : sample_map(&table, va + mapped, pa, length, prot, &done);
		mapped += done;
	}
	if (error == SAMPLE_OK)
		printf("ok 0x%" PRIx64 "\n", mapped);
	else
		printf("no %s 0x%" PRIx64 "\n", reasons[error], mapped);
}

static void read_memory(uint64_t address, uint64_t bytes)
{
	const uint8_t *byte = table.memory + (address - table.base);

	printf("ok ");
	for (uint64_t i = 0; i < bytes; i++) {
		putchar("0123456789abcdef"[byte[i] >> 4]);
		putchar("0123456789abcdef"[byte[i] & 15]);
	}
	putchar('\n');
}

static void cut(uint64_t va)
{
	enum sample_error error = sample_cut(&table, va);

	if (error == SAMPLE_OK)
		printf("ok\n");
	else
		printf("no %s\n", reasons[error]);
}

static void answer(const char *op, const uint64_t *number, const uint64_t *end)
{
	unsigned freed;
	uint64_t pa;

	if (!strcmp(op, "open")) {
		open_table();
	} else if (!strcmp(op, "map")) {
		map(number[0], number + 1, number + 3, number[3]);
	} else if (!strcmp(op, "mapruns")) {
		map(number[0], number + 2, end, number[1]);
	} else if (!strcmp(op, "cut")) {
		cut(number[0]);
	} else if (!strcmp(op, "trim")) {
		if (sample_trim(&table, number[0], number[1], &freed))
			printf("ok %u\n", freed);
		else
			printf("no EINVAL\n");
	} else if (!strcmp(op, "unmap")) {
		printf("ok 0x%" PRIx64 "\n", sample_unmap(&table, number[0], number[1]));
	} else if (!strcmp(op, "lookup")) {
		if (sample_lookup(&table, number[0], &pa))
			printf("ok 0x%" PRIx64 "\n", pa);
		else
			printf("no\n");
	} else if (!strcmp(op, "fail")) {
		table.fail_at = number[0];
		printf("ok\n");
	} else if (!strcmp(op, "read")) {
		read_memory(number[0], number[1]);
	} else if (!strcmp(op, "write")) {
		memcpy(table.memory + (number[0] - table.base), &number[1], 4);
		printf("ok\n");
	} else if (!strcmp(op, "close")) {
		sample_close(&table);
		printf("ok\n");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[8192], *rest, *word;

	for (unsigned i = 0; argc > 1 && i < sizeof(bugs) / sizeof(*bugs); i++)
		if (!strcmp(argv[1], bugs[i]))
			table.bug = i;
	table.took = took;
	table.gave = gave;
	table.forget = forget;
	while (fgets(line, sizeof(line), stdin)) {
		char *op = strtok_r(line, " \n", &rest);
		uint64_t numbers[128] = { 0 }, *end = numbers;

		if (op && !strcmp(op, "genpt")) {
			memory_file[0] = 0;
		} else if (op && !strcmp(op, "set")) {
			char *key = strtok_r(NULL, " \n", &rest);

			set(key, strtok_r(NULL, "\n", &rest));
		} else if (op) {
			while (end < numbers + 128 && (word = strtok_r(NULL, " \n", &rest)))
				*end++ = strtoull(word, NULL, 0);
			answer(op, numbers, end);
		}
	}
	return 0;
}

/*
 * The yardstick of the benchmark: page tables in C with nothing but the walk and the stores.
 *
 * Items are 8 bytes, tables have 512 items. Tables exist already and are never freed; there are no argument
 * checks, no page sizes to choose from and nothing to invalidate. What is left is what no implementation can
 * leave out: walk from the root, look at every item, check the slots, store.
 *
 * Usage: walk BATCHES BATCH_MICROSECONDS. Every output line is `levels step ns ns …`, one figure per batch, in
 * nanoseconds per pair of map and unmap, or per lookup.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define INLINE static inline __attribute__((always_inline))

enum { GRANULE_LG2 = 12, TABLE_LG2 = 9, ITEMS = 1 << TABLE_LG2, LEVELS_MIN = 2, LEVELS_MAX = 6 };

static const uint64_t PRESENT = 1;
/* What an item points to: 0 says that it is a leaf. */
static const uint64_t NEXT = 7 << 9;
static const uint64_t ADDRESS = 0x000ffffffffff000;
static const uint64_t MISS = ~UINT64_C(0);
static const uint64_t LEAF_ATTRIBUTES = UINT64_C(3) << 61 | 1;

/* The tables lie in one window of memory; adding `offset` to a physical address gives the pointer. */
struct tables {
  uint64_t *root;
  uint64_t offset;
};

INLINE uint64_t *table_of(const struct tables *tables, uint64_t item) {
  return (uint64_t *)((item & ADDRESS) + tables->offset);
}

/* What tells a pointer to the table below: present, and naming that table's level, counted from 1. */
INLINE uint64_t pointer_of(unsigned level) { return PRESENT | (uint64_t)level << 9; }

INLINE unsigned index_of(uint64_t iova, unsigned level) {
  return (iova >> (GRANULE_LG2 + TABLE_LG2 * level)) & (ITEMS - 1);
}

/* The table of level 0 on the way to an address, or a null pointer where there is none. */
INLINE uint64_t *descend(const struct tables *tables, uint64_t iova, unsigned levels) {
  uint64_t *table = tables->root;
#pragma GCC unroll 8
  for (unsigned level = levels - 1; level > 0; level--) {
    uint64_t item = table[index_of(iova, level)];
    if ((item & (PRESENT | NEXT)) != pointer_of(level)) return NULL;
    table = table_of(tables, item);
  }
  return table;
}

/* Both return how many pages they did. */
INLINE uint64_t map_pages(const struct tables *tables, uint64_t iova, uint64_t pa, uint64_t pages,
                          uint64_t attributes, unsigned levels) {
  uint64_t left = pages, leaf = pa | attributes;
  for (;;) {
    uint64_t *table = descend(tables, iova, levels);
    if (table == NULL) return pages - left;
    uint64_t index = index_of(iova, 0), room = ITEMS - index, run = left < room ? left : room;
    uint64_t *item = table + index, *end = item + run;
    do {
      if ((*item & PRESENT) != 0) return pages - left + run - (uint64_t)(end - item);
      *item = leaf;
      leaf += 1 << GRANULE_LG2;
    } while (++item != end);
    left -= run;
    if (left == 0) return pages;
    iova += run << GRANULE_LG2;
  }
}

INLINE uint64_t unmap_pages(const struct tables *tables, uint64_t iova, uint64_t pages, unsigned levels) {
  uint64_t left = pages;
  for (;;) {
    uint64_t *table = descend(tables, iova, levels);
    if (table == NULL) return pages - left;
    uint64_t index = index_of(iova, 0), room = ITEMS - index, run = left < room ? left : room;
    uint64_t *item = table + index, *end = item + run;
    do {
      if ((*item & PRESENT) == 0) return pages - left + run - (uint64_t)(end - item);
      *item = 0;
    } while (++item != end);
    left -= run;
    if (left == 0) return pages;
    iova += run << GRANULE_LG2;
  }
}

INLINE uint64_t leaf_address(uint64_t item, uint64_t iova, unsigned level) {
  if ((item & PRESENT) == 0) return MISS;
  uint64_t offset = (UINT64_C(1) << (GRANULE_LG2 + TABLE_LG2 * level)) - 1;
  return (item & ADDRESS & ~offset) | (iova & offset);
}

INLINE uint64_t lookup_address(const struct tables *tables, uint64_t iova, unsigned levels) {
  uint64_t *table = tables->root;
#pragma GCC unroll 8
  for (unsigned level = levels - 1; level > 0; level--) {
    uint64_t item = table[index_of(iova, level)];
    if ((item & (PRESENT | NEXT)) != pointer_of(level)) return leaf_address(item, iova, level);
    table = table_of(tables, item);
  }
  return leaf_address(table[index_of(iova, 0)], iova, 0);
}

/* One copy per depth, as one would write it by hand for one format; every argument is only known at run time. */
#define OF_DEPTH(levels)                                                                                     \
  static NOINLINE uint64_t map_##levels(const struct tables *tables, uint64_t iova, uint64_t pa,             \
                                        uint64_t pages, uint64_t attributes) {                               \
    return map_pages(tables, iova, pa, pages, attributes, levels);                                           \
  }                                                                                                          \
  static NOINLINE uint64_t unmap_##levels(const struct tables *tables, uint64_t iova, uint64_t pages) {      \
    return unmap_pages(tables, iova, pages, levels);                                                         \
  }                                                                                                          \
  static NOINLINE uint64_t lookup_##levels(const struct tables *tables, uint64_t iova) {                     \
    return lookup_address(tables, iova, levels);                                                             \
  }

OF_DEPTH(2)
OF_DEPTH(3)
OF_DEPTH(4)
OF_DEPTH(5)
OF_DEPTH(6)

struct depth {
  unsigned levels;
  uint64_t (*map)(const struct tables *, uint64_t, uint64_t, uint64_t, uint64_t);
  uint64_t (*unmap)(const struct tables *, uint64_t, uint64_t);
  uint64_t (*lookup)(const struct tables *, uint64_t);
};

static const struct depth depths[] = {
    {2, map_2, unmap_2, lookup_2}, {3, map_3, unmap_3, lookup_3}, {4, map_4, unmap_4, lookup_4},
    {5, map_5, unmap_5, lookup_5}, {6, map_6, unmap_6, lookup_6},
};

/* Where the pages go, and how many positions a run of them takes in turn: the same as in the other columns. */
struct step {
  const char *name;
  uint64_t pages;
  uint64_t stride_lg2;
  uint64_t positions;
};

static const struct step pair_steps[] = {
    {"page", 1, GRANULE_LG2, 256},
    {"pages", 256, GRANULE_LG2, 256},
    {"contiguous", 16, 16, 8},
};

/* Read through volatile, so that the compiler knows none of them. */
static volatile uint64_t iova_given = UINT64_C(0x40000000);
static volatile uint64_t pa_given = UINT64_C(0x100001000);
static volatile uint64_t attributes_given;
static volatile uint64_t pages_given;
static volatile uint64_t sink;

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* One table per level, on the way to the addresses that are used. */
static struct tables make_tables(unsigned levels) {
  const uint64_t base = UINT64_C(0x840000000);
  uint64_t bytes = (uint64_t)levels << GRANULE_LG2;
  uint64_t *window = aligned_alloc(1 << GRANULE_LG2, bytes);
  if (window == NULL) exit(2);
  memset(window, 0, bytes);
  struct tables tables = {window, (uint64_t)window - base};
  uint64_t *table = window;
  for (unsigned level = levels - 1, next = 1; level > 0; level--, next++) {
    uint64_t below = base + ((uint64_t)next << GRANULE_LG2);
    table[index_of(iova_given, level)] = below | pointer_of(level) | LEAF_ATTRIBUTES;
    table = table_of(&tables, below);
  }
  return tables;
}

static NOINLINE double pairs_ns(const struct depth *depth, const struct tables *tables,
                                const struct step *step, uint64_t count) {
  uint64_t iova = iova_given, pa = pa_given, attributes = attributes_given, pages = pages_given;
  uint64_t mask = step->positions - 1, stride_lg2 = step->stride_lg2, done = 0;
  double start = now_ns();
  for (uint64_t i = 0; i < count; i++) {
    uint64_t offset = (i & mask) << stride_lg2;
    done += depth->map(tables, iova + offset, pa + offset, pages, attributes);
    done += depth->unmap(tables, iova + offset, pages);
  }
  double spent = now_ns() - start;
  if (done != 2 * pages * count) exit(3);
  return spent / (double)count;
}

static NOINLINE double lookups_ns(const struct depth *depth, const struct tables *tables, uint64_t count) {
  uint64_t iova = iova_given + 0x123, sum = 0;
  double start = now_ns();
  for (uint64_t i = 0; i < count; i++) sum += depth->lookup(tables, iova + ((i & 255) << GRANULE_LG2));
  double spent = now_ns() - start;
  sink = sum;
  return spent / (double)count;
}

static double once_ns(const struct depth *depth, const struct tables *tables, const struct step *step,
                      uint64_t count) {
  return step == NULL ? lookups_ns(depth, tables, count) : pairs_ns(depth, tables, step, count);
}

static void measure(const struct depth *depth, const struct tables *tables, const struct step *step,
                    unsigned batches, double batch_ns) {
  uint64_t count = 256;
  while (once_ns(depth, tables, step, count) * (double)count < batch_ns) count *= 2;
  printf("%u %s", depth->levels, step == NULL ? "lookup" : step->name);
  for (unsigned i = 0; i < batches; i++) printf(" %.3f", once_ns(depth, tables, step, count));
  printf("\n");
}

int main(int count, char **arguments) {
  unsigned batches = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 20;
  double batch_ns = (count > 2 ? strtod(arguments[2], NULL) : 500) * 1e3;
  attributes_given = LEAF_ATTRIBUTES;
  for (unsigned d = 0; d < sizeof depths / sizeof depths[0]; d++) {
    struct tables tables = make_tables(depths[d].levels);
    for (unsigned s = 0; s < sizeof pair_steps / sizeof pair_steps[0]; s++) {
      pages_given = pair_steps[s].pages;
      measure(&depths[d], &tables, &pair_steps[s], batches, batch_ns);
    }
    if (depths[d].map(&tables, iova_given, pa_given, 256, attributes_given) != 256) exit(3);
    if (depths[d].lookup(&tables, iova_given + 0x1123) != pa_given + 0x1123) exit(3);
    measure(&depths[d], &tables, NULL, batches, batch_ns);
    free(tables.root);
  }
  return 0;
}

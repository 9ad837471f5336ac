import type { Lockstep } from "../fuzz/lockstep/index.js";

/** The smallest page that the domain may use. */
export function smallestPage({ reference }: Lockstep): bigint {
  return reference.pageSizes & -reference.pageSizes;
}

/** The first page from address 0 on where nothing is mapped. */
export function freePage(lockstep: Lockstep): bigint {
  const { runs } = lockstep.reference;
  let iova = 0n;
  for (const run of runs) {
    if (run.iova > iova) break;
    iova = run.iova + (run.count << BigInt(run.sizeLg2));
  }
  const page = smallestPage(lockstep);
  return (iova + page - 1n) & -page;
}

/**
 * Every way in which genpt refuses a request. Inside, a refusal is a small integer; only the public face turns
 * it into a `PageTableError`.
 */
export const Status = {
  OK: 0,
  NO_PERMISSION: 1,
  PA_OUT_OF_RANGE: 2,
  READ_ONLY_REFUSED: 3,
  ZERO_LENGTH: 4,
  WRAPS: 5,
  MISALIGNED: 6,
  IOVA_OUT_OF_RANGE: 7,
  ADDRESS_IN_USE: 8,
  OUT_OF_MEMORY: 9,
  NOT_SUPPORTED: 10,
  NOT_MAPPED: 11,
  INVALID_ARGUMENT: 12,
  INVALID_OPTION: 13,
  UNSUPPORTED_OPTION: 14,
  DESTROYED: 15,
  SMALLEST_PAGE_MISSING: 16,
  NO_PAGE_SIZE: 17,
  WALK_FAILED: 18,
  PAGES_LEFT_BEHIND: 19,
  NEEDS_EXCLUSION: 20,
  HARDWARE_STOPPED: 21,
  NO_DOMAIN_ID: 22,
  PARTIAL_ENTRY: 23,
} as const;

export type Status = (typeof Status)[keyof typeof Status];
export type StatusCode = keyof typeof Status;
/** Why a request was refused. */
export type ErrorCode = Exclude<StatusCode, "OK">;

/** The name of a status, as `PageTableError.code` spells it. */
export function statusCode(status: Status): StatusCode {
  return CODES[status] ?? "INVALID_ARGUMENT";
}

const CODES = Object.keys(Status) as readonly StatusCode[];

/** What C implementations of the same interface return, without the sign. */
const ERRNO: Record<ErrorCode, string> = {
  NO_PERMISSION: "EINVAL",
  PA_OUT_OF_RANGE: "ERANGE",
  READ_ONLY_REFUSED: "EINVAL",
  ZERO_LENGTH: "EINVAL",
  WRAPS: "EOVERFLOW",
  MISALIGNED: "ENXIO",
  IOVA_OUT_OF_RANGE: "ERANGE",
  ADDRESS_IN_USE: "EADDRINUSE",
  OUT_OF_MEMORY: "ENOMEM",
  NOT_SUPPORTED: "EOPNOTSUPP",
  NOT_MAPPED: "ENOENT",
  INVALID_ARGUMENT: "EINVAL",
  INVALID_OPTION: "EINVAL",
  UNSUPPORTED_OPTION: "EOPNOTSUPP",
  DESTROYED: "EINVAL",
  SMALLEST_PAGE_MISSING: "EPERM",
  NO_PAGE_SIZE: "ENODATA",
  WALK_FAILED: "EFAULT",
  PAGES_LEFT_BEHIND: "ENXIO",
  HARDWARE_STOPPED: "EIO",
  NO_DOMAIN_ID: "ENOSPC",
  NEEDS_EXCLUSION: "EBUSY",
  PARTIAL_ENTRY: "EINVAL",
};

const CAUSE: Record<ErrorCode, string> = {
  NO_PERMISSION: "neither read nor write permission was asked for",
  PA_OUT_OF_RANGE:
    "an output address is wider than the table's output addresses, or holds its encryption bit",
  READ_ONLY_REFUSED: "this table maps only writeable pages",
  ZERO_LENGTH: "the length is 0",
  WRAPS: "the range wraps around the end of the 64-bit address space",
  MISALIGNED: "iova, pa and length are not all multiples of the smallest page size that is allowed",
  IOVA_OUT_OF_RANGE: "the range is not inside the table's input addresses",
  ADDRESS_IN_USE: "something is mapped there already",
  OUT_OF_MEMORY: "the table memory has no frame left",
  NOT_SUPPORTED: "the format does not track dirty state",
  NOT_MAPPED: "nothing is mapped there",
  INVALID_ARGUMENT: "an argument is of the wrong type or out of its range",
  INVALID_OPTION: "an option has a value that the format does not allow",
  UNSUPPORTED_OPTION: "the format does not offer what an option asks for",
  DESTROYED: "the table was destroyed",
  SMALLEST_PAGE_MISSING: "an IOMMU announces page sizes without 4 KiB as the smallest",
  NO_PAGE_SIZE: "an IOMMU announces no page size",
  WALK_FAILED: "the walk to the item failed: no memory, or no such address",
  PAGES_LEFT_BEHIND: "some pages of the range could not be unmapped",
  HARDWARE_STOPPED: "an IOMMU does not execute the commands that it was given",
  NO_DOMAIN_ID: "an IOMMU has no id left by which to tell one domain more",
  PARTIAL_ENTRY: "the range begins or ends inside of an entry",
  NEEDS_EXCLUSION: "this changes tables that threads may share, and needs them for itself",
};

/** The one error that genpt throws. */
export class PageTableError extends Error {
  override readonly name = "PageTableError";
  readonly code: ErrorCode;
  /** The errno by which C implementations know the same refusal, such as `"EADDRINUSE"`. */
  readonly errno: string;
  /** What a failed `map` had mapped, from its first address on, before it stopped; it stays mapped. */
  readonly mappedBytes: bigint;

  constructor(code: ErrorCode, detail = "", mappedBytes = 0n) {
    super(`${code}: ${CAUSE[code]}${detail === "" ? "" : ` (${detail})`}`);
    this.code = code;
    this.errno = ERRNO[code];
    this.mappedBytes = mappedBytes;
  }
}

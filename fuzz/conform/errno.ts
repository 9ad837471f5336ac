/** Error numbers, as the vectors and the implementation name them. */
import { PageTableError, type Status, statusCode } from "../../impl/common.js";

const NUMBERS: Readonly<Record<string, number>> = {
  ENOENT: 2,
  ENXIO: 6,
  ENOMEM: 12,
  EFAULT: 14,
  EEXIST: 17,
  EINVAL: 22,
  ERANGE: 34,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
};

/** `0`, or the name of an errno; numbers without a name here stay numbers. */
export function errnoText(ret: number): string {
  if (ret === 0) return "0";
  for (const [name, number] of Object.entries(NUMBERS)) if (number === -ret) return `-${name}`;
  return String(ret);
}

/** The number of a refusal's errno. */
export function errnoNumber(refusal: PageTableError): number {
  const number = NUMBERS[refusal.errno];
  if (number === undefined) throw new RangeError(`${refusal.errno} has no number here`);
  return number;
}

/** How the errno of a refusal reads in the same terms. */
export function statusText(status: Status): string {
  const known = STATUS_TEXTS.get(status);
  if (known !== undefined) return known;
  const code = statusCode(status);
  const text = code === "OK" ? "0" : refusalText(new PageTableError(code));
  STATUS_TEXTS.set(status, text);
  return text;
}

/** An error is not made for every refusal: its stack trace costs more than the operation. */
const STATUS_TEXTS = new Map<Status, string>();

export function refusalText(refusal: PageTableError): string {
  return `-${refusal.errno}`;
}

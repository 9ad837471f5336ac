/** What is wrong with a value of a vector, before file and line are known. */
export class VectorFormatError extends Error {
  override readonly name = "VectorFormatError";
}

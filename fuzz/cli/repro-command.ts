import { Exit } from "./usage.js";
export function reproCommand(_what: string, _options: { readonly trace?: true | undefined }): Exit {
  return Exit.clean;
}

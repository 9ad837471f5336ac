/** The variant of this stamp: how a word is stored. The build replaces this module. */
export * from "../engine/variants/plain.js";

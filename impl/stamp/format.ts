/**
 * The format of this stamp. The build replaces this module by one format's own, with a tiny geometry's constants
 * where the stamp says so; the one named here lets the engine's source be checked and read.
 */
export * from "../formats/amdv1.js";

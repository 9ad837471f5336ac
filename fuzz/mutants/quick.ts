/** The mutants of `npm test`: thirty of all kinds that die soon, in a few hundred operations at most. */
export const quick: readonly string[] = [
  ..."M01 M03 M05a M10 M11 M12 M14 M17 M20 M21 M23 M24b M26 M26b M27".split(" "),
  ..."M29 M30 M35 M36 M38 M39 M42 M45 M46a M48b M50 M51a M54 F43 M58a".split(" "),
];

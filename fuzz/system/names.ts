/** The machines that there are, apart from what they are made of, so that a command line's help comes at once. */
export const systemNames = ["amd", "intel"] as const;

export type SystemName = (typeof systemNames)[number];

/** `open`: nobody has said anything. `known`: somebody has, and schedules need not fail. `fixed`: it passes now. */
export const statuses = ["open", "known", "fixed"] as const;

export type Status = (typeof statuses)[number];

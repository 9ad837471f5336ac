/** `hole`: of eight pages and more the last stored item is lost. `hang`: mapping as much does not end. */
export const canaryNames = ["hole", "hang"] as const;

export type CanaryName = (typeof canaryNames)[number];

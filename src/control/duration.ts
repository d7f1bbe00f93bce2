/** Lengths of time as people write them. */

/** Seconds of each unit. */
export const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

export type DurationUnit = keyof typeof UNIT_SECONDS;

/** Seconds of `90s`, `15m`, `1h30m`, `7d`; null: it is written in another way. */
export function durationSeconds(text: string): number | null {
  if (!/^(\d{1,9}[smhd])+$/.test(text)) return null;
  let seconds = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+)([smhd])/g)) {
    seconds += Number(count) * UNIT_SECONDS[unit as DurationUnit];
  }
  return seconds;
}

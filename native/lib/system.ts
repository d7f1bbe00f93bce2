import { addon } from './native.js';

/** How many CPUs the kernel may ever have: the number of values of a per-CPU element. */
export function cpuCount(): number {
  return addon().cpuCount();
}

/** The kernel's HZ: how often a second its jiffies move. */
export function jiffiesPerSecond(): number {
  return addon().jiffiesPerSecond();
}

import { checkNumber } from './check.js';
import { addon } from './native.js';

/** How many CPUs the kernel may ever have: the number of values of a per-CPU element. */
export function cpuCount(): number {
  return addon().cpuCount();
}

/** The kernel's HZ: how often a second its jiffies move. */
export function jiffiesPerSecond(): number {
  return addon().jiffiesPerSecond();
}

/**
 * Sets an option of type int on a socket of this process, whoever opened it: libraries seldom offer
 * all that the kernel does. Throws BpfError with the errno's name.
 */
export function setSocketOption(fd: number, level: number, option: number, value: number): void {
  checkNumber(fd, 'fd', 0, 0x7fffffff);
  checkNumber(level, 'level', 0, 0x7fffffff);
  checkNumber(option, 'option', 0, 0x7fffffff);
  checkNumber(value, 'value', -0x80000000, 0x7fffffff);
  addon().setSocketOption(fd, level, option, value);
}

/** Datagrams that a socket of this process had no room for. Throws BpfError with the errno's name. */
export function droppedDatagrams(fd: number): number {
  checkNumber(fd, 'fd', 0, 0x7fffffff);
  return addon().droppedDatagrams(fd);
}

/**
 * Lets go of pages of code and constants that nothing may use for long: they come back from their files, or
 * from what the kernel keeps of these, when they are touched. Returns how many bytes that were.
 */
export function releaseFilePages(): number {
  return addon().releaseFilePages();
}

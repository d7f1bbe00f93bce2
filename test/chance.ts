/**
 * Where random numbers of tests begin: anew with every commit, and for one commit always in the same place,
 * so that a commit which passed passes again. An environment variable takes the place of that.
 */
import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { ROOT } from '../src/lab/root.js';

const MOST = 1_000_000_007;

/** A number from 0 to 10^9 or so: the variable of that name, or what the commit makes it. */
export function chance(variable: string): number {
  return Number(process.env[variable] ?? ofCommit() % MOST);
}

function ofCommit(): number {
  try {
    const git = ['-C', ROOT, 'rev-parse', '--short=8', 'HEAD'];
    return Number.parseInt(execFileSync('git', git, { encoding: 'utf8', stdio: 'pipe' }), 16);
  } catch {
    // Sources without a history.
    return 1;
  }
}

fc.configureGlobal({ seed: chance('PROPERTY_SEED') });

/** fast-check, whose properties begin there too. */
export { fc };

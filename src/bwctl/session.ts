/** What a command works with. */
import type { NodeClient } from '../control/api/client.js';
import type { Output } from './output.js';

/** Exit status of a command that was done. */
export const DONE = 0;
/** Exit status for "there are differences". */
export const DIFFERENT = 2;

/** A node to ask, and where the answer goes. */
export interface Session {
  readonly node: NodeClient;
  readonly out: Output;
  readonly env: NodeJS.ProcessEnv;
}

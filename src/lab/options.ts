/** The command line of the demo and of the standing lab. */
import type { AttachMode } from './wall.js';

const MODES: readonly AttachMode[] = ['auto', 'tc', 'xdp', 'generic'];

/** Reads `--attach MODE`; anything else is an error of one line. */
export function parseOptions(args: readonly string[]): { attach: AttachMode } {
  let attach: AttachMode = 'auto';
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [name, given] = word.split('=') as [string, string?];
    if (name !== '--attach')
      throw new Error(`unknown argument ${word}; try --attach ${MODES.join('|')}`);
    const value = given ?? rest.shift() ?? '';
    const mode = MODES.find((m) => m === value);
    if (!mode) throw new Error(`--attach ${value}: expected one of ${MODES.join(', ')}`);
    attach = mode;
  }
  return { attach };
}

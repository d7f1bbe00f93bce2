/** Colours, where they are seen. */

/** Colours that mean something here. */
export type Colour = 'good' | 'bad' | 'warn' | 'dim' | 'strong';

/** Puts a colour on a text, or does not. */
export type Paint = (colour: Colour, text: string) => string;

const CODES: Record<Colour, readonly [number, number]> = {
  good: [32, 39],
  bad: [31, 39],
  warn: [33, 39],
  dim: [2, 22],
  strong: [1, 22],
};

/** Leaves every text as it is. */
export const plain: Paint = (_colour, text) => text;

/** Terminal colours. */
export const coloured: Paint = (colour, text) => {
  const [on, off] = CODES[colour];
  return text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;
};

/** Colours for a terminal, unless the user asked for none (`NO_COLOR`, any value but the empty one). */
export function paintFor(isTerminal: boolean, env: NodeJS.ProcessEnv): Paint {
  return isTerminal && (env.NO_COLOR ?? '') === '' ? coloured : plain;
}

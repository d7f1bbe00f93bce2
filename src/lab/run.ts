/** A program that works in a lab: its options, what goes wrong, and the end of the lab. */
import { Lab } from './netns.js';
import { parseOptions } from './options.js';
import { Screen } from './screen.js';
import { requireBuild } from './stand.js';
import type { AttachMode } from './wall.js';

/**
 * Does the work in a lab of its own, which is taken away whatever happens.
 * @param name of the lab, and what its error begins with
 * @param work resolves to the exit status
 */
export async function runInLab(
  name: string,
  work: (lab: Lab, screen: Screen, attach: AttachMode) => Promise<number>,
): Promise<number> {
  const screen = new Screen();
  let lab: Lab | null = null;
  try {
    const { attach } = parseOptions(process.argv.slice(2));
    requireBuild();
    lab = new Lab(name);
    return await work(lab, screen, attach);
  } catch (error) {
    // Interrupted: what fails then fails because the lab is being taken away.
    if (!lab?.closing) process.stderr.write(`${name}: ${(error as Error).message}\n`);
    return 1;
  } finally {
    await lab?.close();
  }
}

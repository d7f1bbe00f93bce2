/**
 * No program grows unnoticed: `budget.json` says how many instructions each may have, how many of them
 * the verifier may walk and how deep its stack may be. A change that needs more changes that file as well,
 * by `BUDGET=write`; every number is what was measured then and a twentieth more.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { expect, it } from 'vitest';
import { BpfObject } from '../../native/lib/index.js';
import { deepest, framesOf, OBJECT, size } from './harness/functions.js';

const FILE = 'test/dataplane/budget.json';
const ROOM = 1.05;

interface Cost {
  /** Instructions of the program and of all functions that it reaches. */
  readonly instructions: number;
  /** Bytes of the deepest chain of calls, as Linux 6.1 counts them. */
  readonly stack: number;
  /** Instructions that the verifier walked, all paths together: another number on another kernel. */
  readonly verified: number;
}

interface Budget {
  readonly kernel: string;
  readonly programs: Readonly<Record<string, Cost>>;
}

const kernel = release().split('.').slice(0, 2).join('.');

function measured(): Map<string, Cost> {
  const frames = framesOf(OBJECT);
  using object = BpfObject.open(OBJECT);
  object.load();
  return new Map(
    object.programs().map((name) => [
      name,
      {
        instructions: size(frames, name),
        stack: deepest(frames, name).bytes,
        verified: object.program(name).info.verifiedInstructions,
      },
    ]),
  );
}

/** Of the stack nothing more: its limit is near. */
function withRoom({ instructions, stack, verified }: Cost): Cost {
  const more = (count: number) => Math.ceil(count * ROOM);
  return { instructions: more(instructions), stack, verified: more(verified) };
}

it('has every program within its budget', () => {
  const costs = measured();
  if (process.env.BUDGET === 'write') {
    const programs = Object.fromEntries([...costs].map(([name, cost]) => [name, withRoom(cost)]));
    writeFileSync(FILE, `${JSON.stringify({ kernel, programs }, null, 2)}\n`);
  }
  const budget = JSON.parse(readFileSync(FILE, 'utf8')) as Budget;
  expect([...costs.keys()].sort()).toEqual(Object.keys(budget.programs).sort());
  const here = budget.kernel === kernel;
  if (!here) {
    process.stdout.write(`  verified: not compared, ${kernel} is not ${budget.kernel}\n`);
  }
  const over: string[] = [];
  for (const [name, cost] of costs) {
    const most = budget.programs[name]!;
    const { instructions, stack, verified } = cost;
    process.stdout.write(`  ${name}: ${instructions} of ${most.instructions} instructions, `);
    process.stdout.write(
      `stack ${stack} of ${most.stack}, verified ${verified} of ${most.verified}\n`,
    );
    if (instructions > most.instructions) over.push(`${name}: instructions`);
    if (stack > most.stack) over.push(`${name}: stack`);
    if (here && verified > most.verified) over.push(`${name}: verified`);
  }
  expect(over).toEqual([]);
});

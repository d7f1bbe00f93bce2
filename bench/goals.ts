/** The figures that we hold ourselves to, and what a run says of them. */
import {
  BARE_XDP,
  BRIDGE,
  find,
  type Row,
  type Run,
  ratio,
  SEED,
  type Spread,
  WALL_GENERIC,
  WALL_TC,
  WALL_XDP,
} from './results.js';

/** A figure that we hold ourselves to, and whether this run reached it. */
export interface Goal {
  readonly text: string;
  readonly most: number;
  readonly measured: Spread;
  readonly reached: boolean;
}

const FLOWS = 200_000;
const FLAT = 1.1;
const ESTABLISHED = ['established UDP', 'established TCP'];

/** Goals that this run can speak of. */
export function goals(run: Run): Goal[] {
  return [...costGoals(run.rows), ...flatGoals(run, 'rules'), ...flatGoals(run, 'members')];
}

function costGoals(rows: readonly Row[]): Goal[] {
  const at = (experiment: string, subject: string, work: string, x: number) =>
    find(rows, { experiment, subject, x, work });
  const one = (subject: string, work: string) => at('traffic', subject, work, 1);
  const many = (subject: string, work: string) => at('flows', subject, work, FLOWS);
  const to = (subject: string, what: string, most: number, work: string) =>
    goal(`${work}: native XDP to ${what}`, most, one(WALL_XDP, work), one(subject, work));
  return [
    ...ESTABLISHED.map((work) => to(SEED, "the seed's rules", 1 / 10, work)),
    ...ESTABLISHED.map((work) =>
      goal(
        `${work}, ${count(FLOWS)} flows: native XDP to the seed's rules`,
        1 / 6,
        many(WALL_XDP, work),
        many(SEED, work),
      ),
    ),
    ...ESTABLISHED.map((work) => to(BARE_XDP, 'a bare redirect', 1.5, work)),
    ...ESTABLISHED.map((work) =>
      goal(`${work}: tc to the kernel bridge`, 1, one(WALL_TC, work), one(BRIDGE, work)),
    ),
    ...['new UDP', 'new TCP'].map((work) => to(SEED, "the seed's rules", 1 / 8, work)),
    to(SEED, "the seed's rules", 1 / 10, 'denied'),
  ].flat();
}

/** From the least to the most of what an experiment varies. */
function flatGoals({ rows, experiments }: Run, experiment: string): Goal[] {
  const axis = experiments.find(({ name }) => name === experiment)?.axis ?? experiment;
  return [WALL_XDP, WALL_GENERIC, WALL_TC].flatMap((subject) => {
    const own = rows.filter((row) => row.experiment === experiment && row.subject === subject);
    const works = [...new Set(own.map(({ work }) => work))];
    return works.flatMap((work) => {
      const line = own.filter((row) => row.work === work).sort((a, b) => a.x - b.x);
      if (line.length < 2) return [];
      const [least, most] = [line[0]!, line.at(-1)!];
      const text = `${work}: ${subject}, ${count(most.x)} ${axis} to ${count(least.x)}`;
      return goal(text, FLAT, most, least);
    });
  });
}

function goal(text: string, most: number, of: Row | undefined, to: Row | undefined): Goal[] {
  if (of === undefined || to === undefined) return [];
  const measured = ratio(of, to);
  return [{ text, most, measured, reached: measured.median <= most }];
}

function count(value: number): string {
  return value.toLocaleString('en');
}

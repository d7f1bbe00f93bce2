/** What the wall says about itself: why a packet would pass, what it dropped, and that the sums agree. */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { check, checkAttempt, POLICY, type Stage } from './live-scenes.js';
import { ROOT } from './root.js';
import { addressOf } from './site.js';

interface RuleRef {
  readonly file: string;
  readonly line: number;
}

interface Explained {
  readonly verdict: string;
  readonly reason: string;
  readonly rules: { readonly in: RuleRef | null };
}

/** Line of the policy, from 1, that lets `any` speak SMTP to aquilante. */
function lineOf(pattern: RegExp): number {
  const lines = readFileSync(join(ROOT, POLICY), 'utf8').split('\n');
  return lines.findIndex((line) => pattern.test(line)) + 1;
}

/** `bwctl explain` for a connection that passes and one that does not. */
export async function explainScene(stage: Stage): Promise<void> {
  const { wall, screen } = stage;
  const source = `${addressOf('extranet', 4)}:40000`;
  const ask = async (port: number) => {
    const args = ['explain', 'tcp', source, `aquilante:${port}`];
    screen.show(`$ bwctl ${args.join(' ')}`);
    screen.show(await wall.run(args));
    return await wall.json<Explained>(...args);
  };
  const smtp = await ask(25);
  const line = lineOf(/^ +25\/tcp: +any/);
  const rule = smtp.rules.in;
  check(
    stage,
    smtp.verdict === 'accept' && rule?.line === line && rule.file.endsWith(basename(POLICY)),
    `the rule that accepts stands at ${POLICY}:${line}`,
    JSON.stringify(smtp),
  );
  const ssh = await ask(22);
  check(
    stage,
    ssh.verdict === 'drop' && ssh.reason === 'no-in',
    'and port 22 is dropped as no-in',
    JSON.stringify(ssh),
  );
}

/** The drop log as people read it. */
export async function dropLogScene(stage: Stage): Promise<void> {
  const { net, wall, screen } = stage;
  const lines: string[] = [];
  const child = net.wall.spawn(wall.bwctl('watch', 'drops'), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout
    ?.setEncoding('utf8')
    .on('data', (text: string) => lines.push(...text.trimEnd().split('\n')));
  screen.show('$ bwctl watch drops');
  // The second watcher may need a moment to be heard of: knock until it tells.
  const seen = () => lines.some((line) => line.includes('3306'));
  for (let knock = 0; knock < 5 && !seen(); knock++) {
    await net.attempt({
      from: 'extranet',
      to: 'aquilante',
      probe: '3306/tcp',
      family: 4,
      expected: 'no-in',
    });
  }
  child.kill('SIGTERM');
  screen.show(lines.slice(-4).join('\n'));
  check(stage, seen(), 'a knock on 3306/tcp is in the log within the moment', lines.join('\n'));
  await checkAttempt(
    stage,
    { from: 'mail', to: 'www', probe: '80/tcp', family: 6, expected: 'no-out' },
    'so is what a server behind the wall should not do',
  );
  check(stage, stage.watch.lost === 0, 'no record of the log was lost', `${stage.watch.lost}`);
}

interface Totals {
  readonly rx: number;
  readonly forwarded: number;
  readonly passed: number;
  readonly answered: number;
  readonly dropped: Readonly<Record<string, number>>;
}

/** Every received frame ends in exactly one counter. */
export async function countersScene(stage: Stage): Promise<void> {
  const { wall, screen } = stage;
  let sum = 0;
  let totals: Totals | null = null;
  // Counters are read one CPU after the other while frames still come: ask again until it is quiet.
  for (let i = 0; i < 10 && (totals === null || totals.rx !== sum); i++) {
    totals = (await wall.json<{ counters: Totals }>('status')).counters;
    const dropped = Object.values(totals.dropped).reduce((a, b) => a + b, 0);
    sum = totals.forwarded + totals.passed + totals.answered + dropped;
  }
  if (totals === null) return;
  const { rx, forwarded, passed, answered, dropped } = totals;
  const drops = Object.entries(dropped)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason} ${count}`);
  screen.show(`received ${rx} = forwarded ${forwarded} + passed ${passed} + answered ${answered}`);
  screen.show(`  + dropped: ${drops.join(', ')}`);
  check(stage, rx === sum && rx > 0, 'every frame is in exactly one counter', `sum ${sum}`);
}

/** Puts the wall into the site: what the demo and the standing lab have in common. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { POLICY } from './live-scenes.js';
import { LabError } from './netns.js';
import { ROOT } from './root.js';
import type { Screen } from './screen.js';
import { STATIONS } from './site.js';
import type { SiteNet } from './site-net.js';
import { type AttachMode, Wall } from './wall.js';

interface Status {
  readonly node: string;
  readonly generation: number;
  readonly attach: readonly { port: string; side: string; mode: string; why: string }[];
}

/** Throws one clear line when something that must be built is not there. */
export function requireBuild(): void {
  for (const path of [
    'build/bundle/bwctl.cjs',
    'build/bundle/compile-thread.cjs',
    'dist/src/control/daemon/main.js',
    'build/bpf/bridgewall.bpf.o',
  ]) {
    if (!existsSync(join(ROOT, path))) {
      throw new LabError('COMMAND', `${path} is missing: run make build first`);
    }
  }
}

/** Starts the daemon over the site's ports and tells what it says of itself. */
export async function raiseWall(net: SiteNet, attach: AttachMode, screen: Screen): Promise<Wall> {
  const ports = STATIONS.map(({ port, side }) => ({ name: port, side }));
  const wall = new Wall({ lab: net.lab, namespace: net.wall, ports, attach });
  await wall.start();
  const status = await wall.json<Status>('status');
  const [first] = status.attach;
  screen.good(
    `${status.node} stands between ${status.attach.length} ports, generation ${status.generation}` +
      (first ? `, attached by ${first.why || first.mode}` : ''),
  );
  return wall;
}

/** Applies the demo's policy. */
export async function applyPolicy(wall: Wall, screen: Screen): Promise<void> {
  screen.show(`$ bwctl apply ${POLICY}`);
  const said = (await wall.run(['apply', POLICY])).trimEnd().split('\n');
  // The first policy is all news: a few lines show what they look like.
  if (said.length > 8) said.splice(3, said.length - 4, '  ...');
  screen.show(said.join('\n'));
}

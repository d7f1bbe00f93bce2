/** `make lab`: the demo's site with the wall in it, left standing until Ctrl-C or `make lab-down`. */
import { Lab } from './netns.js';
import { parseOptions } from './options.js';
import { Screen } from './screen.js';
import { ACTORS, STATIONS } from './site.js';
import { SiteNet } from './site-net.js';
import { applyPolicy, raiseWall, requireBuild } from './stand.js';
import type { Wall } from './wall.js';

function usage(lab: Lab, wall: Wall): string {
  const enter = (name: string) => `nsenter --net=${lab.get(name).path}`;
  const wide = Math.max(...STATIONS.map((station) => station.name.length));
  return [
    'The lab stands. In another terminal, as root:',
    '',
    `  export BWCTL_SOCKET=${wall.socket}`,
    '  bin/bwctl status',
    '  bin/bwctl watch drops',
    `  bin/bwctl explain tcp ${ACTORS.extranet.v4}:40000 aquilante:25`,
    '  bin/bwctl apply examples/infn.yaml         # change it first',
    '',
    'Be one of the machines:',
    '',
    ...STATIONS.map((station) => `  ${station.name.padEnd(wide)}  ${enter(station.name)} bash`),
    `  ${'the wall'.padEnd(wide)}  ${enter('wall')} bash`,
    '',
    'and there, for instance:',
    '',
    `  curl http://${ACTORS.www.v4}/                 # from extranet: goes through`,
    `  curl --max-time 2 http://${ACTORS.mbox.v4}/   # does not`,
    `  ping ${ACTORS.mail.v4}                        # only from mgmt`,
    '',
    `The daemon writes to ${wall.log}`,
    'It ends with Ctrl-C here, or `make lab-down` anywhere.',
  ].join('\n');
}

async function main(): Promise<void> {
  const screen = new Screen();
  let lab: Lab | null = null;
  try {
    const { attach } = parseOptions(process.argv.slice(2));
    requireBuild();
    lab = new Lab('lab', 0);
    screen.step('Building the site');
    const net = await SiteNet.build(lab);
    screen.step(`Raising the wall (attach: ${attach})`);
    const wall = await raiseWall(net, attach, screen);
    await applyPolicy(wall, screen);
    lab.note('socket', wall.socket);
    screen.wide(`\n${usage(lab, wall)}`);
  } catch (error) {
    if (lab?.closing) return;
    process.stderr.write(`lab: ${(error as Error).message}\n`);
    await lab?.close();
    process.exitCode = 1;
  }
  // The agents keep this process alive; a signal closes the lab.
}

await main();

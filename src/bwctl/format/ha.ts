/** A node as one of two, for people. */
import type { HaStatus } from '../../control/service.js';
import type { Paint } from './paint.js';
import { table, visible } from './table.js';
import { count } from './words.js';

export function formatHa(ha: HaStatus, paint: Paint): string[] {
  const { peer, probes, announced } = ha;
  const ready = (is: boolean) => (is ? 'ready' : paint('warn', 'not ready'));
  const lines = [
    visible(`role:    ${coloured(ha.state, paint)}, epoch ${ha.epoch}, since ${ha.since}`),
    visible(`reason:  ${ha.reason}`),
    `node:    priority ${ha.priority}, ${ready(ha.ready || ha.state === 'active')}`,
    visible(`peer:    ${peer.name}, ${peerText(ha, paint, ready)}`),
  ];
  if (ha.manager === 'external') lines.push('manager: external, which says who is active');
  if (!ha.paired) {
    lines.push(
      visible(`key:     ${paint('bad', 'none yet: the nodes have never been connected')}`),
    );
  }
  const asleep = probes.naps === 0 ? '' : `, the prober was asleep ${count(probes.naps, 'time')}`;
  lines.push(
    `probes:  ${count(probes.rounds, 'round')}, ${probes.failed} not sent, ${probes.refused} refused${asleep}`,
  );
  if (announced.frames + announced.failed > 0) {
    const failed = announced.failed === 0 ? '' : `, ${announced.failed} not sent`;
    lines.push(`told:    ${count(announced.frames, 'frame')} in ${announced.ms} ms${failed}`);
  }
  const rows = ha.paths.map(({ name, up, heardMs, peerHears }) => [
    name,
    up ? 'yes' : paint('bad', 'no'),
    heardMs === null ? paint('bad', 'never') : `${heardMs} ms ago`,
    peerHears ? 'yes' : paint('warn', 'no'),
  ]);
  const titles = ['PATH', 'CARRIER', 'HEARD', 'HEARS US'].map((title) => ({ title }));
  return [...lines, '', ...table(titles, rows, paint)];
}

function coloured(state: string, paint: Paint): string {
  if (state === 'active' || state === 'standby') return paint('good', state);
  return paint(state === 'fault' || state === 'unknown' ? 'bad' : 'warn', state);
}

function peerText({ peer }: HaStatus, paint: Paint, ready: (is: boolean) => string): string {
  if (peer.state === 'unknown') return paint('bad', 'never heard');
  const daemon = peer.daemon ? '' : `, ${paint('bad', 'its daemon does not run')}`;
  const text = `${coloured(peer.state, paint)}, epoch ${peer.epoch}, priority ${peer.priority}`;
  return `${text}, ${ready(peer.ready || peer.state === 'active')}${daemon}`;
}

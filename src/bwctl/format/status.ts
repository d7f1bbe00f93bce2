/** How the node is, for people. */
import type { PortInfo, StatusResult } from '../../control/service.js';
import { formatDropped, TOTALS_COLUMNS, totalsRow } from './counters.js';
import type { Paint } from './paint.js';
import { table, visible } from './table.js';
import { count, duration } from './words.js';

/** Lines of a status. */
export function formatStatus(status: StatusResult, paint: Paint): string[] {
  const { node, role, mode, generation, policy, states, sync, counters } = status;
  const roleText = paint(role === 'active' ? 'good' : 'warn', role);
  const modeText = mode === 'enforce' ? mode : paint('warn', mode);
  const lines = [
    visible(`node:    ${paint('strong', node)}, ${roleText}, ${modeText}`),
    visible(`policy:  ${policyText(generation, policy, paint)}`),
    ...confirmLines(status, paint),
    ...status.alarms.map(({ message, since }) =>
      visible(`alarm:   ${paint('bad', message)}, since ${since}`),
    ),
    `states:  ${states.established} established of ${states.max}, ${states.pending} pending`,
    visible(`sync:    ${syncText(sync, paint)}`),
    '',
    ...table(
      ['PORT', 'SIDE', 'MODE', 'WHY'].map((title) => ({ title })),
      status.attach.map(({ port, side, mode: hook, why }) => [port, side, hook, why]),
      paint,
    ),
    '',
    ...table(TOTALS_COLUMNS, [totalsRow(counters)], paint),
  ];
  const dropped = formatDropped(counters, {}, paint);
  return dropped.length === 0 ? lines : [...lines, '', ...dropped];
}

function policyText(generation: number, policy: StatusResult['policy'], paint: Paint): string {
  if (policy === null) return paint('warn', 'none was ever applied: everything is dropped');
  const size = `${count(policy.rules, 'rule')}, ${count(policy.hosts, 'host')}`;
  return `generation ${generation}, ${size}, digest ${policy.digest.slice(0, 12)}`;
}

function confirmLines({ confirm }: StatusResult, paint: Paint): string[] {
  if (confirm === null) return [];
  const { deadline, fallback } = confirm;
  const what = `generation ${fallback} comes back in ${duration(deadline)} unless you run`;
  return [`confirm: ${paint('warn', what)} bwctl confirm`];
}

function syncText(sync: StatusResult['sync'], paint: Paint): string {
  if (sync === null) return 'none, the node stands alone';
  const policy = sync.policyMatches ? '' : `, ${paint('warn', sync.policyPending)}`;
  if (!sync.connected) return `${sync.peer}, ${paint('bad', 'not connected')}${policy}`;
  const digests = sync.digestsMatch ? 'digests match' : paint('warn', 'digests differ');
  const queue = sync.queue === 0 ? '' : `, ${count(sync.queue, 'byte')} waiting`;
  return `${sync.peer}, connected, lag ${sync.lagMs} ms, ${digests}${queue}${policy}`;
}

/** Lines of the list of ports. */
export function formatPorts(ports: readonly PortInfo[], paint: Paint): string[] {
  const columns = [
    { title: 'PORT' },
    { title: 'SIDE' },
    { title: 'CARRIER' },
    { title: 'STP' },
    { title: 'MAC' },
    { title: 'MTU', align: 'right' as const },
    { title: 'MACS', align: 'right' as const },
    { title: 'MODE' },
    { title: 'WHY' },
  ];
  const rows = ports.map((port) => [
    port.name,
    port.side,
    port.carrier ? 'yes' : paint('bad', 'no'),
    port.stp === 'forwarding' ? port.stp : paint('warn', port.stp),
    port.mac,
    String(port.mtu),
    String(port.macs),
    port.mode,
    port.why,
  ]);
  return table(columns, rows, paint);
}

/**
 * What becomes of each map when another version of the dataplane takes over. A map whose contents
 * mean the same to both is shared; the rest is made anew and filled as its rule says.
 */
import type { ConversionOptions } from '../../../../native/lib/index.js';

export interface MapRule {
  /**
   * `empty`: written anew by the daemon, or of no lasting use. `copy`: carried over before the new
   * programs judge. `pending`, `established`: that, and what the old programs wrote until then
   * afterwards. `counters`: added once the old programs count no more.
   */
  readonly how: 'empty' | 'copy' | 'pending' | 'established' | 'counters';
  /** Maps of one group are shared all together, or none of them. */
  readonly group?: 'policy' | 'members' | 'fdb' | 'events';
  /** Never shared. */
  readonly own?: true;
  /** The operator sizes it: another number of entries is no other layout. */
  readonly sized?: true;
  /** Enumerations whose numbers its contents hold. */
  readonly enums?: readonly string[];
  /** Structs that it holds, beyond those that its own types tell. */
  readonly structs?: readonly string[];
  /** Of a map of maps that are carried over one by one: what their elements are. */
  readonly inner?: { readonly key: string; readonly value: string };
  /** Its indices are outcomes of ports. */
  readonly outcomes?: true;
  readonly conversion?: ConversionOptions;
}

const POLICY: Pick<MapRule, 'how' | 'group' | 'enums'> = {
  how: 'empty',
  group: 'policy',
  enums: [
    'service_code',
    'direction',
    'any_peer',
    'cell_flags',
    'matrix_flags',
    'generation_flags',
  ],
};
const STATES: Omit<MapRule, 'how'> = {
  sized: true,
  enums: ['phase', 'state_bits', 'tcp_bits', 'tag_bits', 'icmp_key'],
  conversion: {
    coded: {
      word: {
        code: { enum: 'phase', mask: 0xff },
        bits: { enum: 'state_bits' },
        spans: {
          enum: 'tcp_bits',
          shifts: { enum: 'state_bits', names: ['STATE_LOW_TCP', 'STATE_HIGH_TCP'] },
          except: ['TCP_KNOWN'],
        },
      },
    },
    // The old programs move windows on while states are carried over: one that lags would drop what
    // it should pass. Without TCP_KNOWN each side is learned from its next segment.
    forget: ['tcp'],
  },
};

const RULES: Readonly<Record<string, MapRule>> = {
  // Programs that share a devmap must agree on more than its layout.
  tx_ports: { how: 'empty', own: true },
  tx_ports_frags: { how: 'empty', own: true },
  // What a CPU remembers of one version's numbers and tables is nothing to another.
  classes: { how: 'empty', own: true },
  ways: { how: 'empty', own: true },
  ports: { how: 'copy', enums: ['side', 'port_state'] },
  port_list: { how: 'copy', enums: ['side', 'port_state', 'port_flags'] },
  mirror: { how: 'copy', enums: ['mirror_word'] },
  node: { how: 'copy', enums: ['reserved_action'] },
  role: { how: 'copy', enums: ['role_flags'] },
  pair: { how: 'copy', enums: ['probe_flags'] },
  heard: { how: 'copy', enums: ['probe_wire', 'probe_flags'] },
  probe_counters: { how: 'copy' },
  adoption: { how: 'copy' },
  birthdays: { how: 'copy' },
  changed_states4: {
    how: 'empty',
    structs: ['change4'],
    enums: ['phase', 'state_bits', 'tcp_bits'],
  },
  changed_states: { how: 'empty', structs: ['change'], enums: ['phase', 'state_bits', 'tcp_bits'] },
  ended_states4: { how: 'empty', structs: ['end4'], enums: ['phase'] },
  ended_states: { how: 'empty', structs: ['end'], enums: ['phase'] },
  changed_children: { how: 'empty', structs: ['child_change'] },
  change_stats: { how: 'empty' },
  import_batch: { how: 'empty' },
  // Its size may change; whoever comes back compares everything.
  closed_buckets: { how: 'empty' },
  touched: { how: 'empty' },
  bucket_pass: { how: 'empty' },
  digests: { how: 'empty' },
  timeouts: { how: 'empty', enums: ['timeout', 'phase'] },
  cell: POLICY,
  generations: POLICY,
  judging_since: { how: 'copy' },
  watches: { ...POLICY, enums: [...POLICY.enums!, 'watch_flags', 'reason'] },
  addresses: { ...POLICY, structs: ['address_key', 'address_class'] },
  services: { ...POLICY, structs: ['service_page'] },
  service_deny: { ...POLICY, structs: ['service_class'] },
  matrix: { ...POLICY, structs: ['matrix_key', 'matrix_entry'] },
  alternatives: { ...POLICY, structs: ['alternative'] },
  rule_limits: { ...POLICY, structs: ['rule_limit'] },
  holders: { how: 'copy', enums: ['holder_kind'] },
  members: {
    how: 'copy',
    group: 'members',
    structs: ['member_key', 'member'],
    enums: ['member_table', 'member_part', 'member_until'],
    inner: { key: 'member_key', value: 'member' },
  },
  member_counts: { how: 'copy', group: 'members' },
  member_batch: { how: 'empty' },
  member_walk: { how: 'empty' },
  rule_counters: {
    how: 'counters',
    conversion: { add: ['packets', 'bytes', 'connections'], max: ['last'] },
  },
  outcomes: {
    how: 'counters',
    outcomes: true,
    enums: ['outcome'],
    conversion: { add: ['packets', 'bytes'] },
  },
  event_losses: { how: 'counters', conversion: { add: [''] } },
  pending: { how: 'pending', ...STATES },
  established: { how: 'established', ...STATES },
  fdb: { how: 'copy', group: 'fdb', enums: ['tag_bits'] },
  fdb_counts: { how: 'empty', group: 'fdb' },
  fdb_changes: { how: 'empty', group: 'fdb' },
  events: { how: 'empty', group: 'events', structs: ['event'], enums: ['event_type'] },
  sessions: { how: 'copy', sized: true, enums: ['session_flags', 'session_end', 'phase'] },
  session_stats: { how: 'copy' },
  session_ring: { how: 'empty', structs: ['session_record'], enums: ['session_end'] },
  sweep_stats: { how: 'empty' },
  sweep_due: { how: 'empty' },
  log_window: { how: 'empty' },
  state_passes: { how: 'empty' },
  picked: { how: 'empty' },
};

/** A map without a rule of its own is carried over field by field. */
export function ruleOf(map: string): MapRule {
  return RULES[map] ?? { how: 'copy' };
}

/** Phases of a TCP connection; names and meaning are nf_conntrack's. */
export type TcpPhase =
  | 'syn-sent'
  | 'syn-recv'
  | 'established'
  | 'fin-wait'
  | 'close-wait'
  | 'last-ack'
  | 'time-wait'
  | 'close'
  | 'syn-sent2';

/** What a segment does that moves no phase. */
export type TcpStep =
  /** Does not fit the phase: drop it, change nothing. */
  | 'invalid'
  /** Its numbers do not fit: drop it, change nothing. */
  | 'out'
  /** Let it through, change nothing. */
  | 'ignore'
  /** It opens a new connection over one that is over. */
  | 'new';

export const FIN = 1;
export const SYN = 2;
export const RST = 4;
export const ACK = 16;

/** Combinations of SYN, FIN, RST and ACK that honest stacks send. */
const GOOD_FLAGS: ReadonlySet<number> = new Set([SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK]);

/** Kinds of segment, by their flags. */
export type TcpKind = 'syn' | 'synack' | 'fin' | 'ack' | 'rst';

const COLUMNS: readonly TcpPhase[] = [
  'syn-sent',
  'syn-recv',
  'established',
  'fin-wait',
  'close-wait',
  'last-ack',
  'time-wait',
  'close',
  'syn-sent2',
];

/** How a phase takes a kind of segment: `go`: its numbers decide (tcp-conversation.ts). */
type Take = TcpStep | 'go';

const CELLS: Readonly<Record<string, Take>> = {
  IV: 'invalid',
  IG: 'ignore',
  NW: 'new',
  go: 'go',
};

/** By direction and kind of segment; one cell per phase that the connection is in. */
const TABLE: Readonly<Record<'original' | 'reply', Readonly<Record<TcpKind, string>>>> = {
  //           SS SR ES FW CW LA TW CL S2
  original: {
    syn: '     go IG IG IG IG IG go NW go',
    synack: '  IV go IV IV IV IV IV IV go',
    fin: '     IV go go go go go go go IV',
    ack: '     IV go go go go go go go IV',
    rst: '     go go go go go go go go go',
  },
  reply: {
    syn: '     go IV IV IV IV IV go NW go',
    synack: '  go go go go go go go go go',
    fin: '     IV go go go go go go go IV',
    ack: '     IG go go go go go go go IG',
    rst: '     go go go go go go go go go',
  },
};

/** Flags that no honest stack sends. PSH, URG, ECE and CWR do not matter. */
export function hasBadFlags(flags: number): boolean {
  return !GOOD_FLAGS.has(flags & (SYN | FIN | RST | ACK));
}

/** May a segment with these flags open a connection? */
export function opensConnection(flags: number): boolean {
  return (flags & (SYN | FIN | RST | ACK)) === SYN;
}

/** What a phase makes of such a segment before anybody looks at its numbers. */
export function takeByPhase(phase: TcpPhase, flags: number, reply: boolean): Take {
  const row = TABLE[reply ? 'reply' : 'original'][kindOf(flags)].trim().split(' ');
  return CELLS[row[COLUMNS.indexOf(phase)]!]!;
}

/** The kind of segment that flags make. */
export function kindOf(flags: number): TcpKind {
  if (flags & RST) return 'rst';
  if (flags & SYN) return flags & ACK ? 'synack' : 'syn';
  return flags & FIN ? 'fin' : 'ack';
}

/** Phases of a TCP connection as flags alone tell them; names and meaning are nf_conntrack's. */
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
  /** Does not fit: drop it, change nothing. */
  | 'invalid'
  /** Let it through, change nothing. */
  | 'ignore'
  /** It opens a new connection over one that is over. */
  | 'new';

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** Combinations of SYN, FIN, RST and ACK that honest stacks send. */
const GOOD_FLAGS: ReadonlySet<number> = new Set([SYN, SYN | ACK, ACK, FIN | ACK, RST, RST | ACK]);

type Kind = 'syn' | 'synack' | 'fin' | 'ack' | 'rst';

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

const CELLS: Readonly<Record<string, TcpPhase | TcpStep>> = {
  IV: 'invalid',
  IG: 'ignore',
  NW: 'new',
  SS: 'syn-sent',
  SR: 'syn-recv',
  ES: 'established',
  FW: 'fin-wait',
  CW: 'close-wait',
  LA: 'last-ack',
  TW: 'time-wait',
  CL: 'close',
  S2: 'syn-sent2',
};

/** By direction and kind of segment; one cell per phase that the connection is in. */
const TABLE: Readonly<Record<'original' | 'reply', Readonly<Record<Kind, string>>>> = {
  //           SS SR ES FW CW LA TW CL S2
  original: {
    syn: '     SS IG IG IG IG IG NW NW S2',
    synack: '  IV SR IG IG IG IG IG IG SR',
    fin: '     IV FW FW LA LA LA TW CL IV',
    ack: '     IV ES ES CW CW TW TW CL IV',
    rst: '     CL CL CL CL CL CL CL CL CL',
  },
  reply: {
    syn: '     S2 IV IV IV IV IV NW NW S2',
    synack: '  SR SR IG IG IG IG IG IG SR',
    fin: '     IV FW FW LA LA LA TW CL IV',
    ack: '     IG SR ES CW CW TW TW CL IG',
    rst: '     CL CL CL CL CL CL CL CL CL',
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

/** The phase after a segment, or what the segment does instead. */
export function tcpStep(phase: TcpPhase, flags: number, reply: boolean): TcpPhase | TcpStep {
  const row = TABLE[reply ? 'reply' : 'original'][kindOf(flags)].trim().split(' ');
  return CELLS[row[COLUMNS.indexOf(phase)]!]!;
}

function kindOf(flags: number): Kind {
  if (flags & RST) return 'rst';
  if (flags & SYN) return flags & ACK ? 'synack' : 'syn';
  return flags & FIN ? 'fin' : 'ack';
}

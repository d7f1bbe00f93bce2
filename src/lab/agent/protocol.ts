/**
 * What a lab's process asks of the agent that lives in a namespace, as JSON lines over the agent's
 * standard input and output. One agent serves everything its namespace offers and does client jobs.
 */

/** Which application protocol a listener speaks. */
export type ServiceKind =
  | 'dns'
  | 'smtp'
  | 'smtps'
  | 'http'
  | 'https'
  | 'ssh'
  | 'ldap'
  | 'ldaps'
  | 'imap'
  | 'imaps'
  | 'ntp'
  | 'radius'
  | 'syslog'
  | 'line'
  | 'datagram';

/** One listener. */
export interface ServiceSpec {
  readonly transport: 'tcp' | 'udp';
  readonly port: number;
  readonly kind: ServiceKind;
}

/** One connection, from exact source to exact destination, spoken to the end of its dialogue. */
export interface AttemptSpec {
  readonly transport: 'tcp' | 'udp' | 'ping';
  readonly kind: ServiceKind | 'ping';
  readonly source: string;
  /** 0 with `ping`. */
  readonly sourcePort: number;
  readonly destination: string;
  readonly port: number;
  readonly timeoutMs: number;
}

/**
 * `answered`: the whole dialogue went well. `silent`: nothing came back in time. `refused`: the other
 * machine said no (RST), so the packets did cross. `broken`: anything else, told in `detail`.
 */
export type Outcome = 'answered' | 'silent' | 'refused' | 'broken';

export interface AttemptResult {
  readonly outcome: Outcome;
  readonly detail: string;
}

/** State of a running stream. */
export interface StreamReport {
  /** Bytes of payload received so far. */
  readonly bytes: number;
  /** Milliseconds since the last byte. */
  readonly idleMs: number;
  readonly open: boolean;
  /** Why it ended, when it did. */
  readonly error: string;
}

/** Result of a train of UDP echoes. `duplicates` are answers that came more than once. */
export interface PulseReport {
  readonly sent: number;
  readonly received: number;
  readonly duplicates: number;
  /**
   * Of those that came more than once, the longest run: milliseconds from when its first was sent to when its
   * last was. A tenth of a second without one ends a run.
   */
  readonly duplicatesForMs: number;
  /** Longest time between two answers, in milliseconds. */
  readonly longestGapMs: number;
  /** Milliseconds since the last answer, or since the begin. */
  readonly idleMs: number;
}

/** Jobs and their answers, by name. */
export interface Jobs {
  /** Listens; answers once everything is bound. */
  serve: {
    request: { host: string; addresses: readonly string[]; services: readonly ServiceSpec[] };
    result: { count: number };
  };
  attempt: { request: AttemptSpec; result: AttemptResult };
  /** Whether a one-way datagram with this text arrived (syslog), within `timeoutMs`. */
  heard: { request: { text: string; timeoutMs: number }; result: { heard: boolean } };
  /**
   * Opens a TCP download from an `http` service that never ends; `pace` is bytes per second, 0 as
   * fast as it goes. Answers with the first byte, or with `open: false` when none came in 5 s.
   */
  streamOpen: {
    request: {
      stream: string;
      source: string;
      sourcePort: number;
      destination: string;
      port: number;
      pace: number;
    };
    result: StreamReport;
  };
  streamReport: { request: { stream: string }; result: StreamReport };
  streamClose: { request: { stream: string }; result: StreamReport };
  /** Starts UDP echoes towards a `datagram` service, one every `intervalMs`. */
  pulseStart: {
    request: {
      pulse: string;
      source: string;
      sourcePort: number;
      destination: string;
      port: number;
      intervalMs: number;
    };
    result: Record<string, never>;
  };
  /** What has come back so far, of one that goes on. */
  pulseReport: { request: { pulse: string }; result: PulseReport };
  /** Stops sending, waits `lingerMs` for late answers, and tells what came back. */
  pulseStop: { request: { pulse: string; lingerMs: number }; result: PulseReport };
}

export type JobName = keyof Jobs;

/** One line to the agent. */
export interface JobLine<N extends JobName = JobName> {
  readonly id: number;
  readonly job: N;
  readonly request: Jobs[N]['request'];
}

/** One line from the agent. */
export type AnswerLine =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

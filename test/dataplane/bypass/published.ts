/**
 * The corpus as it is published, beside this file: `corpus.json`, which is what is tested, and the same
 * for other tools.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ActionName, Fixture, FrameStep, PortName } from '../fixtures/types.js';

const HERE = dirname(fileURLToPath(import.meta.url));

export const CORPUS_JSON = resolve(HERE, 'corpus.json');
export const CORPUS_PCAP = resolve(HERE, 'corpus.pcapng');
/** How names of its fixtures begin. */
export const CORPUS = 'bypass: ';
/** The technique whose frames never reach tc. */
export const CUT_TAGS = 'tags cut short';

export interface CorpusFrame {
  readonly port: PortName;
  readonly verdict: ActionName;
  /** Why it is dropped; 'none' when it passes. */
  readonly reason: string;
  readonly out?: PortName;
  /** The frame in hexadecimal, without its checksum. */
  readonly frame: string;
}

export interface CorpusTrick {
  readonly technique: string;
  readonly what: string;
  readonly frames: readonly CorpusFrame[];
}

/** What `corpus.json` holds. */
export interface Corpus {
  readonly about: string;
  readonly policy: string;
  readonly ports: Readonly<Record<string, 'uplink' | 'inside'>>;
  readonly tricks: readonly CorpusTrick[];
  readonly controls: readonly CorpusTrick[];
}

export function publishedCorpus(): Corpus {
  return JSON.parse(readFileSync(CORPUS_JSON, 'utf8')) as Corpus;
}

/** One line for each value: differences between two versions can be read. */
export function corpusText(corpus: Corpus): string {
  return `${JSON.stringify(corpus, null, 1)}\n`;
}

/** Fixtures of the corpus: one for each technique, and one of all controls. */
export function corpusFixtures({ policy, tricks, controls }: Corpus): Fixture[] {
  const techniques = [...new Set(tricks.map(({ technique }) => technique))];
  return [
    ...techniques.map((name) => ({
      ...fixtureOf(
        `${CORPUS}${name}`,
        policy,
        tricks.filter(({ technique }) => technique === name),
      ),
      ...(name === CUT_TAGS
        ? { beforeTc: 'the kernel drops a frame that ends in its tags before any hook of tc' }
        : {}),
    })),
    fixtureOf(`${CORPUS}ordinary traffic passes`, policy, controls),
  ];
}

function fixtureOf(name: string, policy: string, tricks: readonly CorpusTrick[]): Fixture {
  const steps = tricks.flatMap(({ what, frames }) =>
    frames.map(({ port, frame, verdict, reason, out }): FrameStep => {
      const expect = { action: verdict, reason, ...(out === undefined ? {} : { out }) };
      return { kind: 'frame', port, frame: Buffer.from(frame, 'hex'), expect, note: what };
    }),
  );
  return { name, policy, steps };
}

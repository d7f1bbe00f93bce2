/**
 * The corpus is what its sources make, and enough of it. That every hook judges it as it says, and the
 * model as well, is tested with all other fixtures. WRITE_CORPUS=1 publishes it anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { madeCorpus } from './corpus.js';
import { pcapng } from './pcap.js';
import { CORPUS_JSON, CORPUS_PCAP, type Corpus, corpusText, publishedCorpus } from './published.js';

const LEAST = 500;

let corpus: Corpus;

beforeAll(() => {
  if (process.env.WRITE_CORPUS === '1') {
    const made = madeCorpus();
    writeFileSync(CORPUS_JSON, corpusText(made));
    writeFileSync(CORPUS_PCAP, pcapng(made));
  }
  corpus = publishedCorpus();
});

it('is what its sources make, with the verdicts of the model', () => {
  expect(corpusText(madeCorpus()) === readFileSync(CORPUS_JSON, 'utf8')).toBe(true);
  expect(pcapng(corpus).equals(readFileSync(CORPUS_PCAP))).toBe(true);
});

it(`has ${LEAST} frames that are dropped, no two of them alike`, () => {
  const dropped = corpus.tricks.flatMap(({ technique, frames }) =>
    frames
      .filter(({ verdict }) => verdict === 'drop')
      .map((one) => ({ technique, key: `${one.port} ${one.frame}` })),
  );
  const techniques = [...new Set(dropped.map(({ technique }) => technique))];
  for (const name of techniques) {
    const count = dropped.filter(({ technique }) => technique === name).length;
    process.stdout.write(`  ${String(count).padStart(4)} ${name}\n`);
  }
  expect(new Set(dropped.map(({ key }) => key)).size).toBeGreaterThanOrEqual(LEAST);
});

it('lets through what an attack on fragments begins with, and nothing else', () => {
  const passing = corpus.tricks.filter(({ frames }) =>
    frames.some(({ verdict }) => verdict !== 'drop'),
  );
  const attacks = new Set(passing.map(({ technique }) => technique));
  expect([...attacks].sort()).toEqual(['fragments out of order', 'overlapping fragments']);
  for (const { what, frames } of passing) {
    const verdicts = frames.map(({ verdict }) => verdict === 'drop');
    // Once something is dropped, the rest is; and the last always is.
    expect({ what, verdicts }).toEqual({ what, verdicts: [...verdicts].sort() });
    expect(verdicts.at(-1)).toBe(true);
  }
});

it('has ordinary traffic, all of which passes', () => {
  const verdicts = corpus.controls.flatMap(({ frames }) => frames.map(({ verdict }) => verdict));
  expect(verdicts.length).toBeGreaterThan(20);
  expect(verdicts).not.toContain('drop');
});

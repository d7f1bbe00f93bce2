/** What the quick reader reads is what the library reads; what it does not read is left to the library. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyText } from '../../../../../bench/policy.js';
import { readAnyYaml } from '../../../../../src/control/policy/document/any-yaml.js';
import { readPlainYaml } from '../../../../../src/control/policy/document/plain-yaml.js';
import { ROOT } from '../../../../../src/lab/root.js';
import { fc } from '../../../../chance.js';

/** Whether the quick reader read it; fails where the two disagree. */
function agrees(text: string): boolean {
  const plain = readPlainYaml(text);
  if (plain === undefined) return false;
  expect({ text, root: plain }).toEqual({ text, ...readAnyYaml(text) });
  return true;
}

const READ = [
  'a: b',
  'a: b\n',
  '# begins\n\na: b # ends\n   # within\nc: d\n',
  'a:\n  b:\n    c: d\n  e: f\ng: h\n',
  'a:\n- b\n- c\nd: e\n',
  'a:\n    - b\n    - {c: d}\nd: e\n',
  'a:\n  - b: c\n    d: [e]\n  - f: g\n',
  'a:\n  - b:\n    - c\n    - d\n  - e:\n      f: g\n',
  '"a": "b c"\n\'d\': \'e: f # g\'\n',
  'a: {b: c, "d": e, f: {g: [h, i]}}\n',
  'a: []\nb: {}\nc: [ a ,  b ]\nd: { e : f }\n'.replace('e :', 'e:'),
  'a: true\nb: [False, TRUE]\nc: "true"\nd: truer\n',
  'a: [2001:db8::1, 10.0.0.0/8, "::1"]\nb: 10.1\nc: 0x10\nd: 1e3\n',
  '25/tcp: any\n33434-33534/udp: {from: any, log: true}\n',
  'a: un perché\nb: c#d\n',
  'a:   b   \n',
];

const LEFT = [
  'a: b\n... c: d\n',
  `"${'k'.repeat(1100)}": v\n`,
  '',
  '# nothing\n',
  'word\n',
  '- a\n',
  '[a, b]\n',
  '---\na: b\n',
  'a: b\n...\n',
  '%YAML 1.2\n---\na: b\n',
  'a:\n',
  'a: \nb: c\n',
  'a: null\nb: ~\n',
  'a: &x b\nc: *x\n',
  'a: !t b\n',
  'a: |\n  b\n',
  'a: >\n  b\n',
  'a: b\n  c\n',
  'a: "b\n  c"\n',
  'a: "b\\n"\n',
  "a: 'it''s'\n",
  'a: [b,\n  c]\n',
  'a: [b, ]\n',
  'a: {b}\n',
  'a: {b: }\n',
  'a: [b: c]\n',
  'a: [b\n',
  'a: b: c\n',
  'a:\n  b: c\n d: e\n',
  'a: b\n  c: d\n',
  'a:\n\tb: c\n',
  'a: b\r\nc: d\r\n',
  '? a\n: b\n',
  '[a, b]: c\n',
  'a:\n  - - b\n',
  'a:\n  -\n    b: c\n',
  'a: "b"c\n',
  'a: [b]c\n',
  'a: [b]#c\n',
  'a : b\n',
  'a: -b\n',
  'a: ::1\n',
  'a: @b\n',
  'a: b\u2028c\n',
  'a: b\n- c\n',
];

describe('the quick reader', () => {
  it.each(READ)('reads %j as the library does', (text) => {
    expect(agrees(text)).toBe(true);
  });

  it.each(LEFT)('leaves %j to the library', (text) => {
    expect(readPlainYaml(text)).toBeUndefined();
  });

  it('reads the policies of the examples, and one of many rules', () => {
    const directory = join(ROOT, 'examples');
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    const texts = files
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => readFileSync(join(directory, file), 'utf8'));
    expect(texts.length).toBeGreaterThan(0);
    for (const text of texts) agrees(text);
    expect(agrees(policyText(1000))).toBe(true);
  });

  it('never disagrees with the library, whatever the pieces of a text', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        'b c',
        'true',
        'null',
        '~',
        '10.0.0.1',
        '2001:db8::1',
        '25/tcp',
        '"q"',
        "'s'",
        '...',
      ],
      ...[': ', ':', '- ', '-', '[', ']', '{', '}', ', ', ',', '#', ' # c', ' ', '  ', '    '],
      ...[
        '\n',
        '\n',
        '\n',
        '\n  ',
        '\n  ',
        '\n    ',
        '\n- ',
        '\n  - ',
        '\nk: ',
        '\n  k: ',
        '\n    k: ',
      ],
      ...[
        '? ',
        '& ',
        '*a',
        '!t ',
        '|',
        '>',
        '"',
        "'",
        '\\',
        '\t',
        '\r',
        '---',
        '%',
        '@',
        'è',
        '<<',
      ],
    );
    const texts = fc
      .array(piece, { minLength: 1, maxLength: 24 })
      .map((all) => `k: ${all.join('')}`);
    let read = 0;
    fc.assert(
      fc.property(texts, (text) => {
        if (agrees(text)) read++;
      }),
      { numRuns: 20_000 },
    );
    expect(read).toBeGreaterThan(500);
  });

  it('never disagrees about documents as they are written', () => {
    const word = fc.constantFrom(
      'a',
      'web',
      'any',
      'true',
      '10.0.0.1',
      '2001:db8::/32',
      '25/tcp',
      'x y',
    );
    const quoted = fc.constantFrom('"a: b"', "'#'", '"::1"', '""');
    const { flow } = fc.letrec<{ flow: string }>((tie) => ({
      flow: fc.oneof(
        { depthSize: 'small' },
        word,
        quoted,
        fc.array(tie('flow'), { maxLength: 3 }).map((all) => `[${all.join(', ')}]`),
        fc
          .array(fc.tuple(word, tie('flow')), { maxLength: 3 })
          .map((all) => `{${all.map(([key, value]) => `${key}: ${value}`).join(', ')}}`),
      ),
    }));
    const comment = fc.constantFrom('', '', '', ' # note', '\n# note', '\n');
    type Lines = string[];
    const { block } = fc.letrec<{ block: Lines }>((tie) => ({
      block: fc.oneof(
        { depthSize: 'small' },
        fc
          .array(fc.tuple(word, flow, comment), { minLength: 1, maxLength: 3 })
          .map((all) => all.map(([key, value, note]) => `${key}: ${value}${note}`)),
        fc
          .array(fc.tuple(flow, comment), { minLength: 1, maxLength: 3 })
          .map((all) => all.map(([value, note]) => `- ${value}${note}`)),
        fc
          .tuple(fc.constantFrom('', ' ', '  ', '   '), tie('block'))
          .map(([indent, lines]) => ['k:', ...lines.map((line) => indent + line)]),
        fc
          .tuple(word, tie('block'))
          .map(([key, lines]) => [`- ${key}: v`, ...lines.map((line) => `  ${line}`)]),
      ),
    }));
    let read = 0;
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), (blocks) => {
        if (agrees(blocks.flat().join('\n'))) read++;
      }),
      { numRuns: 5000 },
    );
    expect(read).toBeGreaterThan(500);
  });
});

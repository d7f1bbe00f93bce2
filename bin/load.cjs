/**
 * Runs a program that `make build` made one file of, with the code that the compiler kept of it: most of the
 * time that a short command takes is that of reading modules, and of compiling them again and again.
 */
const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { Script } = require('node:vm');

const BUNDLES = join(__dirname, '../build/bundle');

/** @param keep writes what the compiler has of it when the process ends */
exports.load = (name, keep = false) => {
  const filename = join(BUNDLES, `${name}.cjs`);
  const kept = join(BUNDLES, `${name}.code`);
  // All of it is ASCII: a byte is a character.
  const text = readFileSync(filename, 'latin1');
  const mark = markOf(text);
  const script = new Script(`(function (require, module, exports, __filename) {${text}\n})`, {
    filename,
    cachedData: keep ? undefined : codeOf(kept, mark),
  });
  if (keep) {
    process.once('exit', () => {
      writeFileSync(kept, Buffer.concat([mark, script.createCachedData()]));
    });
  }
  const module = { exports: {} };
  script.runInThisContext()(createRequire(filename), module, module.exports, filename);
};

/**
 * Of which text, version and machine the code is. The compiler itself looks at its own version and at the length of
 * the text only, and code of another patch of Node.js may crash it (nodejs/node issue 62781). A bundle begins with
 * the hash of itself.
 */
function markOf(text) {
  return Buffer.from(`${process.version} ${process.arch} ${text.slice(0, text.indexOf('\n'))}\n`);
}

/** Nothing where it is of something else: then the text is compiled. */
function codeOf(path, mark) {
  try {
    const all = readFileSync(path);
    return all.subarray(0, mark.length).equals(mark) ? all.subarray(mark.length) : undefined;
  } catch {
    return undefined;
  }
}

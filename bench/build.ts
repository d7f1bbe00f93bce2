/** Makes subjects from their recipes. */
import type { BpfObject } from '../native/lib/index.js';
import { layPaths, type Path, removePath } from './cables.js';
import type { Case } from './experiments.js';
import { type BenchPolicy, benchPolicy } from './policy.js';
import { bareTc, bareXdp, plainBridge } from './subjects/bare.js';
import { linearBridge, nftBridge, seedBridge } from './subjects/filters.js';
import type { Subject } from './subjects/subject.js';
import { wall } from './subjects/wall.js';

/** Makes subjects, and remembers policies: compiling the largest takes longer than measuring it. */
export class Builder {
  readonly #object: BpfObject;
  readonly #bpffs: string;
  readonly #policies = new Map<string, BenchPolicy>();

  constructor(object: BpfObject, bpffs: string) {
    this.#object = object;
    this.#bpffs = bpffs;
  }

  /** Policies that were compiled. */
  get policies(): readonly BenchPolicy[] {
    return [...this.#policies.values()];
  }

  /** A subject with cables of its own. */
  async build(one: Case): Promise<Subject> {
    const [path] = layPaths(1);
    return closing([path!], await this.#make(path!, one));
  }

  /** A wall in native XDP to which several paths lead, and those paths. */
  async buildWall(count: number): Promise<{ subject: Subject; paths: readonly Path[] }> {
    const [first, ...rest] = layPaths(count);
    const paths = [first!, ...rest] as const;
    const options = { mode: 'xdp', policy: this.#policy({ rules: 1 }), members: 1 } as const;
    const subject = await wall(paths, { ...options, bpffs: this.#bpffs });
    return { subject: closing(paths, subject), paths };
  }

  async #make(path: Path, one: Case): Promise<Subject> {
    switch (one.recipe) {
      case 'bridge':
        return plainBridge(path);
      case 'bareXdp':
        return bareXdp(path, this.#object);
      case 'bareTc':
        return bareTc(path, this.#object);
      case 'seed':
        return await seedBridge(path, one);
      case 'nft':
        return await nftBridge(path, one);
      case 'linear':
        return await linearBridge(path, one);
      default: {
        const { recipe: mode, ...rest } = one;
        const policy = this.#policy(one);
        return await wall([path], { ...rest, mode, policy, bpffs: this.#bpffs });
      }
    }
  }

  #policy({ rules, logs = false }: Pick<Case, 'rules' | 'logs'>): BenchPolicy {
    const key = `${rules} ${logs}`;
    const made = this.#policies.get(key);
    if (made !== undefined) return made;
    const policy = benchPolicy(rules, { deny: true, six: true, logDrops: logs });
    this.#policies.set(key, policy);
    return policy;
  }
}

/** The subject with its paths, which go first: a namespace would take its ends along. */
function closing(paths: readonly Path[], subject: Subject): Subject {
  return {
    ...subject,
    close: () => {
      for (const path of paths) removePath(path);
      subject.close();
    },
  };
}

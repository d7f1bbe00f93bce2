import type { ServiceRef } from './ast.js';
import { type CodeRange, rangeWidth, SERVICE_CODES } from './codes.js';

/** A service class that a line matches, and the width of the narrowest item that makes it do so. */
export interface ServiceMatch {
  readonly serviceClass: number;
  readonly width: number;
}

/** Raised when the classes do not fit; `service` is the reference that went over. */
export class TooManyServiceClasses extends Error {
  readonly service: ServiceRef;

  constructor(service: ServiceRef) {
    super('too many service classes');
    this.service = service;
  }
}

interface Boundary {
  readonly code: number;
  readonly service: number;
  readonly width: number;
  readonly begins: boolean;
}

/**
 * Puts every service code into a class: codes in one class are in the same services, by items of the
 * same width, so that no line can tell them apart. Class 0 is in no service but `all`.
 */
export class ServiceClasses {
  /** Class by code, SERVICE_CODES long. */
  readonly byCode = new Uint16Array(SERVICE_CODES);
  /** How many classes there are. */
  readonly count: number;
  readonly #matches: readonly ServiceMatch[][];
  readonly #numbers = new Map<string, number>();
  readonly #cache = new Map<string, readonly ServiceMatch[]>();

  /** @throws TooManyServiceClasses */
  constructor(services: Iterable<ServiceRef>, limit: number) {
    const distinct: ServiceRef[] = [];
    for (const service of services) {
      if (this.#numbers.has(service.text)) continue;
      this.#numbers.set(service.text, distinct.length);
      distinct.push(service);
    }
    const matches = distinct.map((): ServiceMatch[] => []);
    this.count = this.#divide(distinct, matches, limit);
    for (const [i, service] of distinct.entries()) {
      if (service.all) matches[i] = this.#withAll(matches[i]!);
    }
    this.#matches = matches;
  }

  /** What a line with these services matches; each class once, with its narrowest width. */
  matches(services: readonly ServiceRef[]): readonly ServiceMatch[] {
    if (services.length === 1) return this.#matches[this.#numbers.get(services[0]!.text)!]!;
    const key = services.map((service) => service.text).join(',');
    const known = this.#cache.get(key);
    if (known !== undefined) return known;
    const narrowest = new Map<number, number>();
    for (const service of services) {
      for (const { serviceClass, width } of this.matches([service])) {
        narrowest.set(serviceClass, Math.min(width, narrowest.get(serviceClass) ?? width));
      }
    }
    const merged = Array.from(narrowest, ([serviceClass, width]) => ({ serviceClass, width }));
    this.#cache.set(key, merged);
    return merged;
  }

  /** Walks over the codes from boundary to boundary; returns the number of classes. */
  #divide(services: readonly ServiceRef[], matches: ServiceMatch[][], limit: number): number {
    const boundaries = boundariesOf(services);
    const active = new Map<number, number[]>();
    const classes = new Map<string, number>([['', 0]]);
    for (let i = 0; i < boundaries.length; ) {
      const start = boundaries[i]!.code;
      for (; boundaries[i]?.code === start; i++) apply(active, boundaries[i]!);
      const end = boundaries[i]?.code ?? SERVICE_CODES;
      const inside = [...active].sort(([a], [b]) => a - b);
      const narrowest = inside.map(([service, widths]) => [service, Math.min(...widths)] as const);
      const key = narrowest.map(([service, width]) => `${service}/${width}`).join(' ');
      let number = classes.get(key);
      if (number === undefined) {
        number = classes.size;
        if (number >= limit) throw new TooManyServiceClasses(services[narrowest[0]![0]]!);
        classes.set(key, number);
        for (const [service, width] of narrowest) {
          matches[service]!.push({ serviceClass: number, width });
        }
      }
      this.byCode.fill(number, start, end);
    }
    return classes.size;
  }

  #withAll(narrower: readonly ServiceMatch[]): ServiceMatch[] {
    const widths = new Map(narrower.map(({ serviceClass, width }) => [serviceClass, width]));
    return Array.from({ length: this.count }, (_, serviceClass) => ({
      serviceClass,
      width: widths.get(serviceClass) ?? SERVICE_CODES,
    }));
  }
}

function isEverything(item: CodeRange): boolean {
  return rangeWidth(item) === SERVICE_CODES;
}

function boundariesOf(services: readonly ServiceRef[]): Boundary[] {
  const boundaries: Boundary[] = [];
  for (const [service, { items }] of services.entries()) {
    for (const item of items) {
      if (isEverything(item)) continue;
      const width = rangeWidth(item);
      boundaries.push({ code: item.low, service, width, begins: true });
      boundaries.push({ code: item.high + 1, service, width, begins: false });
    }
  }
  return boundaries.sort((a, b) => a.code - b.code);
}

function apply(active: Map<number, number[]>, boundary: Boundary): void {
  const widths = active.get(boundary.service) ?? [];
  if (boundary.begins) widths.push(boundary.width);
  else widths.splice(widths.indexOf(boundary.width), 1);
  if (widths.length > 0) active.set(boundary.service, widths);
  else active.delete(boundary.service);
}

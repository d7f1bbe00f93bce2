/** Frames for tests: put together from layers, taken apart into words. */
export * from './address.js';
export * from './checksum.js';
export * from './describe.js';
export * from './fragment.js';
export * from './icmp.js';
export * from './layer.js';
export * from './link.js';
export * from './network.js';
export * from './transport.js';

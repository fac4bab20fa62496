import type { Contender } from './contender.ts'

/** No proxy: what the load and the upstream can do by themselves. */
export const direct: Contender = {
  name: 'direct',
  start: (upstream) => Promise.resolve({ target: upstream, pid: undefined, stop: () => Promise.resolve() }),
}

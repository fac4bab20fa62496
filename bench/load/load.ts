/** The load generator of the benchmark, a process of its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { serveCalls } from '../processes/worker.ts'
import { Connection, requestBytes, type Timing } from './connection.ts'
import type { Job, LoadResult, LoadRequest } from './job.ts'
import { quantiles } from './quantiles.ts'

/** Maximum number of running requests in the open loop; beyond it the rate is too high for the contender. */
const MAX_OPEN = 2_000
const held: Connection[] = []

serveCalls<Job, LoadResult>(async (job) => {
  const startMs = performance.now()
  const timings = await run(job)
  return {
    responses: timings.length,
    seconds: (performance.now() - startMs) / 1_000,
    first: quantiles(timings.map((timing) => timing.firstMs)),
    whole: quantiles(timings.map((timing) => timing.wholeMs)),
  }
})

function run(job: Job): Promise<Timing[]> {
  if (job.type === 'closed') return closedLoop(job.request, job.connections, job)
  if (job.type === 'open') return openLoop(job.request, job.perSecond, job.forMs)
  if (job.type === 'hold') return hold(job.request, job.streams)
  if (job.type === 'hang-up') return hangUp(job.request, job.streams, job.connections)
  return letGo()
}

async function closedLoop(
  request: LoadRequest,
  connections: number,
  { forMs, spreadMs = 0 }: { readonly forMs: number; readonly spreadMs?: number | undefined },
): Promise<Timing[]> {
  const bytes = requestBytes(request)
  const timings: Timing[] = []
  const endMs = performance.now() + forMs
  await atOnce(connections, async (nth) => {
    const connection = await Connection.open(request, bytes)
    if (spreadMs > 0) await sleep((spreadMs * nth) / connections)
    while (performance.now() < endMs) timings.push(await connection.send())
    connection.hangUp()
  })
  return timings
}

async function openLoop(request: LoadRequest, perSecond: number, forMs: number): Promise<Timing[]> {
  const bytes = requestBytes(request)
  const timings: Timing[] = []
  const idle: Connection[] = []
  const underWay = new Set<Promise<void>>()
  const failed = Promise.withResolvers<never>()

  const one = async () => {
    const connection = idle.pop() ?? (await Connection.open(request, bytes))
    timings.push(await connection.send())
    idle.push(connection)
  }
  const startMs = performance.now()
  for (let sent = 0; sent < (perSecond * forMs) / 1_000; sent++) {
    const waitMs = startMs + (sent * 1_000) / perSecond - performance.now()
    if (waitMs > 0) await Promise.race([sleep(waitMs), failed.promise])
    if (underWay.size >= MAX_OPEN)
      throw new Error(
        `more than ${MAX_OPEN} requests are running: ${perSecond} requests a second are too many for this contender`,
      )
    const pending: Promise<void> = one()
      .catch((failure: unknown) => failed.reject(failure))
      .finally(() => underWay.delete(pending))
    underWay.add(pending)
  }
  await Promise.race([Promise.all(underWay), failed.promise])
  for (const connection of idle) connection.hangUp()
  return timings
}

async function hold(request: LoadRequest, streams: number): Promise<Timing[]> {
  const bytes = requestBytes(request)
  // Streams are opened in waves, so that a short listen queue does not distort the result.
  for (let opened = 0; opened < streams; opened += 100) {
    await atOnce(Math.min(100, streams - opened), async () => {
      const connection = await Connection.open(request, bytes)
      held.push(connection)
      await connection.sendUntilFirstByte()
    })
  }
  return []
}

function letGo(): Promise<Timing[]> {
  for (const connection of held.splice(0)) connection.hangUp()
  return Promise.resolve([])
}

async function hangUp(request: LoadRequest, streams: number, connections: number): Promise<Timing[]> {
  const bytes = requestBytes(request)
  let remaining = streams
  await atOnce(connections, async () => {
    while (remaining-- > 0) {
      const connection = await Connection.open(request, bytes)
      await connection.sendUntilFirstByte()
      connection.hangUp()
    }
  })
  return []
}

async function atOnce(count: number, work: (nth: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, nth) => work(nth)))
}

// What pages know of the broker and of whoever looks at it.
import { keepPreviousData, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { createContext, useContext, useEffect, useRef, useState } from 'react'
import type { MethodName, Params, Result } from '../../src/wire/rpc/methods.ts'
import { call, CallError, watch } from './api.ts'
import { ZONE } from './format.ts'
import { filterOf, type Filter, type Search } from './range.ts'

/** The result of a method, kept while a newer one is fetched. */
export function useCall<M extends MethodName>(
  method: M,
  params: Params<M>,
  isEnabled = true,
): UseQueryResult<Result<M>> {
  return useQuery({
    queryKey: [method, params],
    queryFn: ({ signal }) => call(method, params, signal),
    placeholderData: keepPreviousData,
    enabled: isEnabled,
  }) as UseQueryResult<Result<M>>
}

export function useWhoami(isEnabled = true): UseQueryResult<Result<'auth.whoami'>> {
  return useCall('auth.whoami', {}, isEnabled)
}

/** Whether whoever looks may call a method: the broker decides, the page only hides. */
export function useMay(): (method: MethodName) => boolean {
  const { data } = useWhoami()
  return (method) => data?.methods.includes(method) ?? false
}

/** The search of the address bar, the filter that it means, and how to change it. */
export function useFilter(): {
  readonly search: Search
  readonly filter: Filter
  readonly zone: string
  readonly set: (changes: Partial<Search>) => void
} {
  const search: Search = useSearch({ strict: false })
  const navigate = useNavigate()
  const { anchor } = useLive()
  const zone = search.zone ?? ZONE
  return {
    search,
    zone,
    filter: filterOf(search, anchor, zone),
    set: (changes) => void navigate({ to: '.', search: (old: Search) => ({ ...old, ...changes }) }),
  }
}

export interface Live {
  /** Unix seconds that a range such as the last day ends with. It moves when live is on, and on refresh. */
  readonly anchor: number
  readonly isLive: boolean
  readonly setLive: (isLive: boolean) => void
  readonly refresh: () => void
  /** Of the newest event; `undefined` before the first. */
  readonly state: Result<'events.watch'> | undefined
  /** When the connection was lost; `undefined` while it stands. */
  readonly offlineSince: number | undefined
}

export const LiveContext = createContext<Live | undefined>(undefined)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (live === undefined) throw new Error('there is no live context')
  return live
}

const RETRY_MS = 1000
const CHANNEL = 'aibroker-live'

/** One tab of a browser holds the stream and shares it with the others: a host has six connections for all of them. */
export function useEvents(isEnabled: boolean): Live {
  const client = useQueryClient()
  const [anchor, setAnchor] = useState(() => Math.floor(Date.now() / 1000) + 1)
  const [isLive, setLive] = useState(true)
  const [state, setState] = useState<Result<'events.watch'>>()
  const [offlineSince, setOffline] = useState<number>()
  const live = useRef(isLive)
  live.current = isLive
  const refresh = (): void => {
    setAnchor(Math.floor(Date.now() / 1000) + 1)
    void client.invalidateQueries()
  }

  useEffect(() => {
    if (!isEnabled) return
    const ending = new AbortController()
    const channel = new BroadcastChannel(CHANNEL)
    let isLost = false
    const receive = (message: LiveMessage): void => {
      // What was changed while the connection was lost is on no page.
      if (isLost && message.event !== undefined) void client.invalidateQueries()
      isLost = message.event === undefined
      setOffline(message.event === undefined ? (before) => before ?? message.at : undefined)
      if (message.event === undefined) return
      setState(message.event)
      if (message.isNews && live.current && document.visibilityState === 'visible') {
        setAnchor(Math.floor(Date.now() / 1000) + 1)
        void client.invalidateQueries({
          predicate: ({ queryKey }) => LIVE_METHODS.includes(String(queryKey[0])),
        })
      }
    }
    channel.addEventListener('message', ({ data }) => receive(data as LiveMessage))
    const share = (message: LiveMessage): void => {
      receive(message)
      channel.postMessage(message)
    }
    const ended = (): void => void client.invalidateQueries({ queryKey: ['auth.whoami'] })
    void navigator.locks
      .request(CHANNEL, { signal: ending.signal }, () => follow(share, ended, ending.signal))
      .catch(() => undefined)
    return () => {
      ending.abort()
      channel.close()
    }
  }, [client, isEnabled])
  return { anchor, isLive, setLive, refresh, state, offlineSince }
}

const LIVE_METHODS = ['requests.list', 'requests.totals', 'usage.query', 'limits.near', 'info']

interface LiveMessage {
  readonly event: Result<'events.watch'> | undefined
  readonly isNews: boolean
  readonly at: number
}

async function follow(
  share: (message: LiveMessage) => void,
  ended: () => void,
  signal: AbortSignal,
): Promise<void> {
  let isFirst = true
  // A stream of before the network went away may stay silent for ever.
  let connection = new AbortController()
  addEventListener('offline', () => connection.abort(), { signal })
  while (!signal.aborted) {
    connection = new AbortController()
    try {
      const either = AbortSignal.any([signal, connection.signal])
      for await (const event of watch('events.watch', {}, either)) {
        share({ event, isNews: !isFirst, at: Date.now() })
        isFirst = false
      }
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof CallError && error.code === 'unauthorized') return ended()
    }
    if (signal.aborted) return
    share({ event: undefined, isNews: false, at: Date.now() })
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

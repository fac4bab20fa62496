// The cache of answers, and how tabs of one browser tell each other of a change.
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { CallError } from './api.ts'

const CHANGES = new BroadcastChannel('aibroker-changes')

/**
 * The client of all pages. A change made here is loaded again in the other tabs, and an answer that says that the session has
 * ended asks who is logged in, so that the login is shown.
 */
export function createQueryClient(): QueryClient {
  const client = new QueryClient({
    queryCache: new QueryCache({ onError: (error, { queryKey }) => checkSession(error, queryKey[0]) }),
    mutationCache: new MutationCache({
      onError: (error) => checkSession(error, undefined),
      onSuccess: () => CHANGES.postMessage('changed'),
    }),
    defaultOptions: {
      queries: {
        staleTime: 5000,
        refetchOnWindowFocus: true,
        // A broker on this machine is reached without a network.
        networkMode: 'always',
        retry: (count, error) => error instanceof CallError && error.code === 'offline' && count < 2,
      },
      mutations: { networkMode: 'always' },
    },
  })
  function checkSession(error: Error, method: unknown): void {
    if (error instanceof CallError && error.code === 'unauthorized' && method !== 'auth.whoami')
      void client.invalidateQueries({ queryKey: ['auth.whoami'] })
  }
  CHANGES.addEventListener('message', () => void client.invalidateQueries())
  return client
}

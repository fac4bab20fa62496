import { z } from 'zod'
import { httpGet } from './http-get.ts'

/** A kind of server and its default port on 127.0.0.1. */
export interface LocalServerCandidate {
  readonly name: string
  readonly port: number
}

/** A server that responded with a list of models. */
export interface DetectedServer {
  readonly name: string
  /** `http://127.0.0.1:11434/v1` */
  readonly baseUrl: string
  readonly models: readonly string[]
}

/** The default ports, from each project's documentation. */
export const defaultLocalServers: readonly LocalServerCandidate[] = [
  { name: 'ollama', port: 11434 },
  { name: 'lmstudio', port: 1234 },
  { name: 'llamacpp', port: 8080 },
  { name: 'vllm', port: 8000 },
]

const MAX_MODELS = 1000

/** Strict, because any program may listen on a port like 8080: only an exact list of models counts. */
const modelList = z.object({
  object: z.literal('list'),
  // Ollama sends null when it has no models.
  data: z
    .array(z.object({ id: z.string().min(1).max(256), object: z.literal('model') }))
    .max(MAX_MODELS)
    .nullable(),
})

/** Finds servers on this host that list models in OpenAI's shape, in the order of the candidates. Requests all concurrently; a failing one is left out. */
export async function detectLocalServers({
  candidates = defaultLocalServers,
  timeoutMs = 500,
}: {
  readonly candidates?: readonly LocalServerCandidate[] | undefined
  readonly timeoutMs?: number | undefined
} = {}): Promise<readonly DetectedServer[]> {
  const servers = await Promise.all(candidates.map((candidate) => probe(candidate, timeoutMs)))
  return servers.filter((server) => server !== undefined)
}

async function probe(
  { name, port }: LocalServerCandidate,
  timeoutMs: number,
): Promise<DetectedServer | undefined> {
  try {
    const { status, body } = await httpGet({ port }, '/v1/models', AbortSignal.timeout(timeoutMs))
    if (status !== 200) return undefined
    const { data } = modelList.parse(JSON.parse(body))
    return { name, baseUrl: `http://127.0.0.1:${port}/v1`, models: (data ?? []).map((model) => model.id) }
  } catch {
    // No server, a slow one, or not a list of models: either way there is nothing to use.
    return undefined
  }
}

import { z } from 'zod'
import { httpGet } from './http-get.ts'

/** Where a server of this make usually listens on 127.0.0.1. */
export interface LocalServerCandidate {
  readonly name: string
  readonly port: number
}

export interface DetectedServer {
  readonly name: string
  /** `http://127.0.0.1:11434/v1` */
  readonly baseUrl: string
  readonly models: readonly string[]
}

/** Defaults as each project's documentation states them. */
export const usualLocalServers: readonly LocalServerCandidate[] = [
  { name: 'ollama', port: 11434 },
  { name: 'lmstudio', port: 1234 },
  { name: 'llamacpp', port: 8080 },
  { name: 'vllm', port: 8000 },
]

const MOST_MODELS = 1000

/** Ports like 8080 belong to anybody: what doesn't look exactly like a list of models is not taken for one. */
const modelList = z.object({
  object: z.literal('list'),
  // Ollama without a model says null.
  data: z
    .array(z.object({ id: z.string().min(1).max(256), object: z.literal('model') }))
    .max(MOST_MODELS)
    .nullable(),
})

/** Servers on this host that list models in OpenAI's shape, in the order of the candidates. All are asked at once; none can fail it. */
export async function detectLocalServers({
  candidates = usualLocalServers,
  timeoutMs = 500,
}: {
  readonly candidates?: readonly LocalServerCandidate[] | undefined
  readonly timeoutMs?: number | undefined
} = {}): Promise<readonly DetectedServer[]> {
  const answers = await Promise.all(candidates.map((candidate) => probe(candidate, timeoutMs)))
  return answers.filter((answer) => answer !== undefined)
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
    // Nobody there, too slow, or not a list of models: all the same to us.
    return undefined
  }
}

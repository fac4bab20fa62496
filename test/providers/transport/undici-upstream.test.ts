import { describe, vi } from 'vitest'

vi.stubEnv('AIBROKER_HTTP_CLIENT', 'undici')

describe('an OpenAI provider over undici', async () => {
  await import('../protocols/create-provider.test.ts')
})

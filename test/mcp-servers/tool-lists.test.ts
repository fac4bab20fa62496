import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { openInProcess, servers } from './support.ts'

const named = servers.map((server) => [server.name, server] as const)

test.each(named)('%s lists the tools of its golden file', async (name, server) => {
  await using connected = await openInProcess(server, {}, { clock: systemClock })
  const { tools } = await connected.client.listTools()
  await expect(`${JSON.stringify(tools, null, 2)}\n`).toMatchFileSnapshot(`../golden/mcp-tools/${name}.json`)
})

test.each(named)(
  '%s describes every tool and input field and has an output schema for each tool',
  async (_name, server) => {
    await using connected = await openInProcess(server, {}, { clock: systemClock })
    const { tools } = await connected.client.listTools()
    expect(tools).not.toEqual([])
    for (const tool of tools) {
      expect(tool).toMatchObject({
        title: expect.any(String),
        description: expect.stringMatching(/.{40}/),
        inputSchema: { type: 'object', additionalProperties: false },
        outputSchema: { type: 'object' },
        annotations: { readOnlyHint: expect.any(Boolean), openWorldHint: expect.any(Boolean) },
      })
      const undescribed = Object.entries(tool.inputSchema.properties ?? {})
        .filter(([, field]) => !('description' in Object(field)))
        .map(([field]) => `${tool.name}.${field}`)
      expect(undescribed).toEqual([])
    }
  },
)

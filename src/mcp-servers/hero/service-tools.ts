import { z } from 'zod'
import { tool } from '../shared/tool.ts'
import { callerOf, requireCaller } from './caller.ts'
import type { HeroRuntime } from './hero-runtime.ts'
import { SERVICE_NAME } from './services/service-registry.ts'
import type { KnownService } from './services/service-registry.ts'

export const serviceName = z
  .string()
  .regex(SERVICE_NAME, 'a name as list_services shows it')
  .describe("Service name, for example 'hero_aibroker'.")

const serviceRow = z.object({
  name: z.string(),
  title: z.string(),
  version: z.string(),
  summary: z.string(),
  methods: z.int().describe('How many methods it has.'),
  hash: z.string().describe('Of its OpenRPC document; same hash, same interface.'),
})

function rowOf({ service }: KnownService): z.input<typeof serviceRow> {
  const { name, title, version, summary, hash, methods } = service
  return { name, title, version, summary, methods: methods.length, hash }
}

const LOCAL_HINTS = { openWorldHint: false, idempotentHint: true } as const

export const listServices = (runtime: HeroRuntime) =>
  tool({
    name: 'list_services',
    title: 'List services',
    description:
      'Lists the services of this machine that describe themselves (OpenRPC), with a line on what each does, and those that are there but do not respond.',
    input: z.strictObject({
      filter: z.string().max(60).optional().describe('Only services whose name or summary has this word.'),
    }),
    output: z.object({
      services: z.array(serviceRow),
      silent: z
        .array(z.object({ name: z.string(), reason: z.string() }))
        .describe('Found, but not usable now.'),
    }),
    annotations: LOCAL_HINTS,
    async run({ filter }, signal, info) {
      runtime.assertEnabled()
      const { known, silent } = await runtime.registry.discover(callerOf(info, runtime.settings)?.key, signal)
      const word = (filter ?? '').toLowerCase()
      const services = known
        .map(rowOf)
        .filter(({ name, summary }) => `${name} ${summary}`.toLowerCase().includes(word))
      const lines = [
        ...services.map(({ name, methods, summary }) => `${name} (${methods} methods): ${summary}`),
        ...silent.map(({ name, reason }) => `${name}: SILENT, ${reason}`),
      ]
      const none = `No services in ${runtime.settings.socketFolder}.`
      return { data: { services, silent: [...silent] }, text: lines.length === 0 ? none : lines.join('\n') }
    },
  })

export const registerService = (runtime: HeroRuntime) =>
  tool({
    name: 'register_service',
    title: 'Register a service',
    description:
      'Looks at one service again, or takes an OpenRPC document for one that does not describe itself; only you will use it, and a document of the service itself always wins. The service must have a socket in the folder of this machine; addresses can not be given.',
    input: z.strictObject({
      name: serviceName,
      spec: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Its OpenRPC document, if it does not serve one.'),
    }),
    output: z.object({ service: serviceRow }),
    annotations: { ...LOCAL_HINTS, readOnlyHint: false },
    async run({ name, spec }, signal, info) {
      runtime.assertEnabled()
      const known = await (spec === undefined
        ? runtime.registry.find(name, callerOf(info, runtime.settings)?.key, signal)
        : runtime.registry.register(name, spec, requireCaller(info, runtime.settings).key, signal))
      const service = rowOf(known)
      return { data: { service }, text: `${name}: ${service.methods} methods. ${service.summary}` }
    },
  })

export const getInterface = (runtime: HeroRuntime) =>
  tool({
    name: 'get_interface',
    title: "See a service's interface",
    description:
      'Shows the methods of a service as Python calls with their types: what a program for execute_code may use. With client=true the generated client too.',
    input: z.strictObject({
      service: serviceName,
      client: z.boolean().default(false).describe('Return the source of the generated Python client.'),
    }),
    output: z.object({
      service: serviceRow,
      interface: z.string().describe('One line per method.'),
      module: z.string().describe('What a program imports.'),
      client: z.string().optional().describe('Python source, standard library only.'),
    }),
    annotations: LOCAL_HINTS,
    async run({ service: name, client }, signal, info) {
      runtime.assertEnabled()
      const known = await runtime.registry.find(name, callerOf(info, runtime.settings)?.key, signal)
      const module = known.module.replace(/\.py$/, '')
      const source = client ? known.client : undefined
      const data = { service: rowOf(known), interface: known.interface, module, client: source }
      return { data, text: source === undefined ? known.interface : `${known.interface}\n\n${source}` }
    },
  })

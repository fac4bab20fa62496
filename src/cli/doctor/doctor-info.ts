import type { Result } from '../../sdk/index.ts'
import type { Finding } from './finding.ts'
import { plural } from '../terminal/format.ts'

type Info = Result<'info'>

export function sameVersion(own: string, { version }: Info): Finding {
  if (own === version) return { state: 'good', what: `broker and command line are both ${own}` }
  return { state: 'doubtful', what: `the broker is ${version}, this is ${own}`, advice: 'restart the broker' }
}

/** The built-in echo is always there, and is no model. */
export function realProviders({ providers }: Info): Info['providers'] {
  return providers.filter(({ name }) => name !== 'local')
}

export function lookAtProviders(info: Info): Finding[] {
  const real = realProviders(info)
  if (real.length === 0) {
    return [
      {
        state: 'doubtful',
        what: 'only the built-in echo answers',
        advice: 'for real models set OPENROUTER_API_KEY (or that of another provider) and start again',
      },
    ]
  }
  return real.map(({ display_name, state, keys, endpoints }) => ({
    state: state === 'ready' ? 'good' : 'doubtful',
    what: `${display_name}: ${state}, ${plural(keys, 'key')}, ${plural(endpoints, 'model')}`,
  }))
}

export function lookAtModels({ models, models_config: { path, problems = [] } }: Info): Finding {
  if (problems.length > 0) {
    return {
      state: 'doubtful',
      what: `${path}: ${problems.join('; ')}`,
      advice: 'mend the file; it is read again by itself',
    }
  }
  return { state: models > 0 ? 'good' : 'bad', what: `${plural(models, 'model')} on offer, from ${path}` }
}

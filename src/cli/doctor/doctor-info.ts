import type { Result } from '../../sdk/index.ts'
import type { Finding } from './finding.ts'
import { plural } from '../terminal/format.ts'

type Info = Result<'info'>

export function checkVersion(own: string, { version }: Info): Finding {
  if (own === version) return { state: 'good', what: `broker and command line are both version ${own}` }
  return {
    state: 'doubtful',
    what: `the broker has version ${version}, this command line ${own}`,
    advice: 'restart the broker',
  }
}

/** All providers but the built-in echo, which is always there and is not a model. */
export function realProviders({ providers }: Info): Info['providers'] {
  return providers.filter(({ name }) => name !== 'local')
}

export function checkProviders(info: Info): Finding[] {
  const real = realProviders(info)
  if (real.length === 0) {
    return [
      {
        state: 'doubtful',
        what: 'only the built-in echo is available',
        advice:
          'for real models set OPENROUTER_API_KEY (or the key of another provider) and restart the broker',
      },
    ]
  }
  return real.map(({ display_name, state, keys, endpoints, proxy }) => ({
    state: state === 'ready' ? 'good' : 'doubtful',
    what: `${display_name}: ${state}, ${plural(keys, 'key')}, ${plural(endpoints, 'model')}, reached ${proxy === undefined ? 'directly' : `through the proxy ${proxy}`}`,
  }))
}

export function checkModels({ models, models_config: { path, problems = [] } }: Info): Finding {
  if (problems.length > 0) {
    return {
      state: 'doubtful',
      what: `${path}: ${problems.join('; ')}`,
      advice: 'correct the file; the broker reloads it by itself',
    }
  }
  return {
    state: models > 0 ? 'good' : 'bad',
    what: `${plural(models, 'model')} available${path === '' ? '' : `, from ${path}`}`,
  }
}

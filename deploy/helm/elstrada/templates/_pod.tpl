{{/* What every object is called by; pass the root. */}}
{{- define "elstrada.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "elstrada.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "elstrada.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "elstrada.selector" . }}
{{- end -}}

{{- define "elstrada.selector" -}}
app.kubernetes.io/name: elstrada
app.kubernetes.io/instance: {{ include "elstrada.name" . }}
{{- end -}}

{{/* Seconds within which a node that drains has ended: roles/drain.py says the same. */}}
{{- define "elstrada.grace" -}}
{{- $drain := .Values.drain -}}
{{- $stations := add1 (div $drain.stationsPerGateway $drain.stationsPerSecond) -}}
{{- add $drain.lameDuckSeconds $stations (mul 2 $drain.stopSeconds) 20 5 -}}
{{- end -}}

{{- define "elstrada.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "elstrada.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "elstrada.environment" -}}
- name: ELSTRADA_DATABASE__URL_FILE
  value: /run/secrets/elstrada/database_url
- name: ELSTRADA_NATS__URL_FILE
  value: /run/secrets/elstrada/nats_url
{{- end -}}

{{- define "elstrada.mounts" -}}
- name: data
  mountPath: /var/lib/elstrada
- name: tmp
  mountPath: /tmp
- name: secrets
  mountPath: /run/secrets/elstrada
  readOnly: true
{{- end -}}

{{- define "elstrada.volumes" -}}
- name: data
  emptyDir: {sizeLimit: 256Mi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
- name: secrets
  secret:
    secretName: {{ .Values.existingSecret }}
    defaultMode: 0440
{{- end -}}

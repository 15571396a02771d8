{{- define "orchestrator.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* 40 characters at most: the longest suffix and a pod's ordinal still make a DNS label. */}}
{{- define "orchestrator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "orchestrator.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "orchestrator.selector" -}}
app.kubernetes.io/name: {{ include "orchestrator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "orchestrator.labels" -}}
{{ include "orchestrator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "orchestrator.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "orchestrator.imagePullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "orchestrator.serversAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ include "orchestrator.fullname" . }}-servers{{- else -}}{{ .Values.serviceAccount.name | default "default" }}{{- end -}}
{{- end -}}

{{- define "orchestrator.workersAccount" -}}
{{- if .Values.serviceAccount.create -}}{{ include "orchestrator.fullname" . }}-workers{{- else -}}default{{- end -}}
{{- end -}}

{{- define "orchestrator.tlsSecret" -}}
{{- if eq .Values.tls.mode "existing" -}}{{ .Values.tls.existingSecret }}{{- else -}}{{ include "orchestrator.fullname" . }}-tls{{- end -}}
{{- end -}}

{{- define "orchestrator.adminTokenSecret" -}}
{{ .Values.auth.adminTokenSecret | default (printf "%s-admin" (include "orchestrator.fullname" .)) }}
{{- end -}}

{{- define "orchestrator.databaseSecret" -}}
{{- if .Values.trial -}}{{ include "orchestrator.fullname" . }}-database{{- else -}}{{ .Values.database.existingSecret }}{{- end -}}
{{- end -}}

{{- define "orchestrator.databaseKey" -}}
{{- if .Values.trial -}}connection{{- else -}}{{ .Values.database.key }}{{- end -}}
{{- end -}}

{{- define "orchestrator.dataClaim" -}}
{{ .Values.data.existingClaim | default (printf "%s-data" (include "orchestrator.fullname" .)) }}
{{- end -}}

{{/* The access modes of the volume of jobs, as a JSON list. */}}
{{- define "orchestrator.dataAccessModes" -}}
{{- if .Values.data.accessModes -}}
{{ toJson .Values.data.accessModes }}
{{- else if .Values.trial -}}
["ReadWriteOnce"]
{{- else -}}
["ReadWriteMany"]
{{- end -}}
{{- end -}}

{{/* Not empty where one node must have all pods, since no other could mount the volume of jobs. */}}
{{- define "orchestrator.onOneNode" -}}
{{- $modes := include "orchestrator.dataAccessModes" . | fromJsonArray -}}
{{- if not (has "ReadWriteMany" $modes) -}}yes{{- end -}}
{{- end -}}

{{/* Names that the certificate of every pod has. Pods reach each other by address, and expect the first. */}}
{{- define "orchestrator.certificateNames" -}}
{{- $name := include "orchestrator.fullname" . -}}
{{- $space := .Release.Namespace -}}
{{- $names := list (printf "%s.%s.svc" $name $space) $name (printf "%s.%s" $name $space) (printf "%s.%s.svc.cluster.local" $name $space) -}}
{{- range $set := list "servers" "workers" -}}
{{- $names = append $names (printf "*.%s-%s.%s.svc.cluster.local" $name $set $space) -}}
{{- $names = append $names (printf "*.%s-%s.%s.svc" $name $set $space) -}}
{{- end -}}
{{- $names = concat $names (list "localhost") $.Values.tls.extraNames -}}
{{- with .Values.ingress -}}
{{- if .enabled -}}{{- $names = concat $names (compact (list .http.host .grpc.host)) -}}{{- end -}}
{{- end -}}
{{ toJson (uniq $names) }}
{{- end -}}

{{- define "orchestrator.peerName" -}}
{{ printf "%s.%s.svc" (include "orchestrator.fullname" .) .Release.Namespace }}
{{- end -}}

{{- define "orchestrator.scheme" -}}
{{- if .Values.insecure -}}http{{- else -}}https{{- end -}}
{{- end -}}

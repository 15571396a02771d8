{{/* What restricted pods are held to; on the pod and on each of its containers. */}}
{{- define "orchestrator.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1654
runAsGroup: 1654
fsGroup: 1654
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "orchestrator.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The user's affinity; and one node for all, where only one can mount the volume of jobs. */}}
{{- define "orchestrator.affinity" -}}
{{- $affinity := deepCopy .of.affinity -}}
{{- if include "orchestrator.onOneNode" .root -}}
{{- $beside := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (dict "matchLabels" (merge (dict "orchestrator.dev/volume" "data") (include "orchestrator.selector" .root | fromYaml))) -}}
{{- $pods := $affinity.podAffinity | default dict -}}
{{- $required := append ($pods.requiredDuringSchedulingIgnoredDuringExecution | default list) $beside -}}
{{- $_ := set $affinity "podAffinity" (merge (dict "requiredDuringSchedulingIgnoredDuringExecution" $required) $pods) -}}
{{- end -}}
{{- with $affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How long workers may take to leave their jobs: what the pod has until it is killed, less what comes before and after. */}}
{{- define "orchestrator.drainTimeout" -}}
{{- $seconds := sub (sub (int .of.terminationGracePeriodSeconds) (int (.of.preStopSeconds | default 0))) 10 | min 600 -}}
{{- printf "%02d:%02d:%02d" (div $seconds 3600) (mod (div $seconds 60) 60) (mod $seconds 60) -}}
{{- end -}}

{{/* The file of settings: the level of the log, and whatever else a server can be told. */}}
{{- define "orchestrator.settings" -}}
{{- dict "Logging" (dict "LogLevel" (dict "Default" .Values.logs.level)) "Orchestrator" .Values.settings | toPrettyJson -}}
{{- end -}}

{{/* The pod of a server or of a worker: root, part (servers or workers), of (its values), workers (that it has). */}}
{{- define "orchestrator.pod" -}}
{{- $root := .root -}}
{{- $of := .of -}}
{{- $values := .root.Values -}}
{{- $servers := eq .part "servers" -}}
{{- $callsKubernetes := and $servers (or $values.operator.enabled $values.auth.serviceAccounts) -}}
metadata:
  labels:
    {{- include "orchestrator.selector" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
    orchestrator.dev/volume: data
    {{- with $of.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    orchestrator.dev/settings: {{ include "orchestrator.settings" $root | sha256sum | trunc 16 | quote }}
    {{- with $of.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $servers | ternary (include "orchestrator.serversAccount" $root) (include "orchestrator.workersAccount" $root) }}
  automountServiceAccountToken: {{ $callsKubernetes }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ $of.terminationGracePeriodSeconds }}
  {{- with include "orchestrator.imagePullSecrets" $root }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- with $of.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if not $servers }}
  {{- with $of.accelerator.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- end }}
  securityContext:
    {{- include "orchestrator.podSecurity" $root | nindent 4 }}
  {{- with $of.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $of.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with include "orchestrator.affinity" . }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- if $of.topologySpread }}
  topologySpreadConstraints:
    {{- range $of.topologySpread }}
    - labelSelector:
        matchLabels:
          {{- include "orchestrator.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.part }}
      {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- end }}
  containers:
    - name: orchestrator
      image: {{ include "orchestrator.image" $root }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - serve
        - --name=$(POD_NAME)
        - --ports=8080
        - --listen=0.0.0.0
        - --advertise=$(POD_IP)
        - --workers={{ .workers }}
        - --data=/data
        - --cache=/cache
        - --log={{ $values.logs.format }}
        - --settings=/settings/settings.json
        {{- if $values.insecure }}
        - --insecure
        {{- end }}
      env:
        - name: POD_NAME
          valueFrom: { fieldRef: { fieldPath: metadata.name } }
        - name: POD_IP
          valueFrom: { fieldRef: { fieldPath: status.podIP } }
        - { name: HOME, value: /tmp }
        - name: ORCHESTRATOR_DATABASE
          valueFrom:
            secretKeyRef: { name: {{ include "orchestrator.databaseSecret" $root }}, key: {{ include "orchestrator.databaseKey" $root }} }
        - { name: ORCHESTRATOR_CLUSTER, value: {{ printf "%s.%s" $root.Release.Namespace (include "orchestrator.fullname" $root) | trunc 63 | quote }} }
        - { name: ORCHESTRATOR_DRAINTIMEOUT, value: {{ include "orchestrator.drainTimeout" . | quote }} }
        {{- if $values.models.existingClaim }}
        - { name: ORCHESTRATOR_MODELS, value: {{ $values.models.path }} }
        {{- end }}
        {{- if not $values.insecure }}
        - { name: ORCHESTRATOR_SECURITY__CERTIFICATE, value: /tls/tls.crt }
        - { name: ORCHESTRATOR_SECURITY__KEY, value: /tls/tls.key }
        - { name: ORCHESTRATOR_SECURITY__AUTHORITY, value: /tls/ca.crt }
        - { name: ORCHESTRATOR_SECURITY__PEERNAME, value: {{ include "orchestrator.peerName" $root }} }
        {{- if $servers }}
        - { name: ORCHESTRATOR_SECURITY__ADMINTOKEN, value: /admin/token }
        {{- end }}
        {{- end }}
        {{- with $values.auth.oidc.issuer }}
        - { name: ORCHESTRATOR_SECURITY__OIDC__ISSUER, value: {{ . | quote }} }
        - { name: ORCHESTRATOR_SECURITY__OIDC__AUDIENCE, value: {{ $values.auth.oidc.audience | quote }} }
        - { name: ORCHESTRATOR_SECURITY__OIDC__ROLESCLAIM, value: {{ $values.auth.oidc.rolesClaim | quote }} }
        {{- end }}
        {{- with $values.tracing.endpoint }}
        - { name: ORCHESTRATOR_OBSERVABILITY__TRACES, value: {{ . | quote }} }
        - { name: ORCHESTRATOR_OBSERVABILITY__TRACEDSHARE, value: {{ $values.tracing.sampleRatio | quote }} }
        {{- end }}
        {{- if and $servers $values.auth.serviceAccounts }}
        - { name: ORCHESTRATOR_SECURITY__KUBERNETES__SERVICEACCOUNTS, value: "true" }
        {{- end }}
        {{- if and $servers $values.operator.enabled }}
        - { name: ORCHESTRATOR_OPERATOR__ENABLED, value: "true" }
        - { name: ORCHESTRATOR_OPERATOR__NAMESPACES, value: {{ $values.operator.allNamespaces | ternary "*" (join "," (prepend $values.operator.namespaces $root.Release.Namespace | uniq)) | quote }} }
        - { name: ORCHESTRATOR_OPERATOR__SELECTOR, value: {{ printf "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s,app.kubernetes.io/component=workers" (include "orchestrator.name" $root) $root.Release.Name | quote }} }
        {{- if $values.workers.scaling.enabled }}
        - { name: ORCHESTRATOR_OPERATOR__WORKERS, value: {{ printf "%s/%s-workers" $root.Release.Namespace (include "orchestrator.fullname" $root) | quote }} }
        - { name: ORCHESTRATOR_OPERATOR__WORKERSPERPOD, value: {{ $values.workers.perPod | quote }} }
        - { name: ORCHESTRATOR_OPERATOR__PODSMIN, value: {{ $values.workers.scaling.min | quote }} }
        - { name: ORCHESTRATOR_OPERATOR__PODSMAX, value: {{ $values.workers.scaling.max | quote }} }
        - { name: ORCHESTRATOR_OPERATOR__IDLESECONDS, value: {{ $values.workers.scaling.idleSeconds | quote }} }
        {{- end }}
        {{- end }}
        {{- with $of.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - { name: http, containerPort: 8080 }
        - { name: grpc, containerPort: 8081 }
        - { name: exchange, containerPort: 8082 }
        - { name: silo, containerPort: 8083 }
        - { name: gateway, containerPort: 8084 }
      {{- /* Alive is asked of the process alone: a database that is away must not restart it. */}}
      startupProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "orchestrator.scheme" $root | upper }} }
        periodSeconds: 2
        failureThreshold: 90
      readinessProbe:
        httpGet: { path: /readyz, port: http, scheme: {{ include "orchestrator.scheme" $root | upper }} }
        periodSeconds: 5
        timeoutSeconds: 3
      livenessProbe:
        httpGet: { path: /healthz, port: http, scheme: {{ include "orchestrator.scheme" $root | upper }} }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      {{- if $servers }}
      lifecycle:
        {{- /* Callers are sent elsewhere before it stops listening. A worker needs none: told to stop, it hands its work back by itself. */}}
        preStop: { exec: { command: [sleep, {{ $of.preStopSeconds | quote }}] } }
      {{- end }}
      {{- $resources := deepCopy $of.resources }}
      {{- if and (not $servers) $of.accelerator.resource }}
      {{- $count := dict $of.accelerator.resource (toString $of.perPod) }}
      {{- $_ := set $resources "limits" (merge $count ($resources.limits | default dict)) }}
      {{- $_ := set $resources "requests" (merge (deepCopy $count) ($resources.requests | default dict)) }}
      {{- end }}
      resources:
        {{- toYaml $resources | nindent 8 }}
      securityContext:
        {{- include "orchestrator.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - { name: data, mountPath: /data }
        - { name: cache, mountPath: /cache }
        - { name: tmp, mountPath: /tmp }
        - { name: settings, mountPath: /settings, readOnly: true }
        {{- if $values.models.existingClaim }}
        - { name: models, mountPath: {{ $values.models.path }}, readOnly: true }
        {{- end }}
        {{- if not $values.insecure }}
        - { name: tls, mountPath: /tls, readOnly: true }
        {{- if $servers }}
        - { name: admin, mountPath: /admin, readOnly: true }
        {{- end }}
        {{- end }}
  volumes:
    - name: data
      persistentVolumeClaim: { claimName: {{ include "orchestrator.dataClaim" $root }} }
    - name: cache
      emptyDir: { sizeLimit: {{ $of.cacheSize }} }
    - name: tmp
      emptyDir: { sizeLimit: 1Gi }
    - name: settings
      configMap: { name: {{ include "orchestrator.fullname" $root }}-settings }
    {{- if $values.models.existingClaim }}
    - name: models
      persistentVolumeClaim: { claimName: {{ $values.models.existingClaim }}, readOnly: true }
    {{- end }}
    {{- if not $values.insecure }}
    - name: tls
      secret: { secretName: {{ include "orchestrator.tlsSecret" $root }}, defaultMode: 0440 }
    {{- if $servers }}
    - name: admin
      secret: { secretName: {{ include "orchestrator.adminTokenSecret" $root }}, defaultMode: 0440, items: [{ key: token, path: token }] }
    {{- end }}
    {{- end }}
{{- end -}}

{{/* What a schema cannot say: values that do not go together. All of it at once, each with its remedy. */}}
{{- define "orchestrator.checks" -}}
{{- $wrong := list -}}
{{- with .Values -}}
{{- if not .image.repository -}}
{{- $wrong = append $wrong "image.repository: empty; name where the image of deploy/Dockerfile was pushed: --set image.repository=REGISTRY/orchestrator" -}}
{{- end -}}
{{- if and (not .trial) (not .database.existingSecret) -}}
{{- $wrong = append $wrong "database.existingSecret: empty; name a secret with PostgreSQL's connection string, or look around first: --set trial=true" -}}
{{- end -}}
{{- if and .trial .database.existingSecret -}}
{{- $wrong = append $wrong "trial: true beside database.existingSecret; a trial has a database of its own: leave one of them out" -}}
{{- end -}}
{{- if and (eq .tls.mode "none") (not .insecure) -}}
{{- $wrong = append $wrong "tls.mode: none without insecure; servers refuse to listen in clear text: take chart, cert-manager or existing, or set insecure=true and mean it" -}}
{{- end -}}
{{- if and .insecure (ne .tls.mode "none") -}}
{{- $wrong = append $wrong (printf "insecure: true beside tls.mode %s; set tls.mode=none, or leave insecure out" .tls.mode) -}}
{{- end -}}
{{- if and (eq .tls.mode "existing") (not .tls.existingSecret) -}}
{{- $wrong = append $wrong "tls.existingSecret: empty under tls.mode existing; name a secret with tls.crt, tls.key and ca.crt" -}}
{{- end -}}
{{- if and (eq .tls.mode "cert-manager") (not .tls.certManager.issuer) -}}
{{- $wrong = append $wrong "tls.certManager.issuer: empty under tls.mode cert-manager; name an issuer that can sign for service names of the cluster" -}}
{{- end -}}
{{- if and .auth.oidc.issuer (not .auth.oidc.audience) -}}
{{- $wrong = append $wrong "auth.oidc.audience: empty beside an issuer; tokens that it made for somebody else would be taken: name the audience that they must have" -}}
{{- end -}}
{{- if and .workers.scaling.enabled (not .operator.enabled) -}}
{{- $wrong = append $wrong "workers.scaling.enabled: true without the operator, which does it; set operator.enabled=true" -}}
{{- end -}}
{{- if and .workers.scaling.enabled (gt (int .workers.scaling.min) (int .workers.scaling.max)) -}}
{{- $wrong = append $wrong (printf "workers.scaling.min: %d, above max %d" (int .workers.scaling.min) (int .workers.scaling.max)) -}}
{{- end -}}
{{- if lt (int .servers.terminationGracePeriodSeconds) (add (int .servers.preStopSeconds) 20) -}}
{{- $wrong = append $wrong (printf "servers.terminationGracePeriodSeconds: %d, less than servers.preStopSeconds and 20 more" (int .servers.terminationGracePeriodSeconds)) -}}
{{- end -}}
{{- if and .ingress.enabled (not .ingress.http.host) -}}
{{- $wrong = append $wrong "ingress.http.host: empty with ingress.enabled; name the host of REST and page" -}}
{{- end -}}
{{- if and (not .serviceAccount.create) .operator.enabled (not .serviceAccount.name) -}}
{{- $wrong = append $wrong "serviceAccount.name: empty without serviceAccount.create; the operator's rights are not given to the namespace's default account" -}}
{{- end -}}
{{- if and .operator.allNamespaces .operator.namespaces -}}
{{- $wrong = append $wrong "operator.namespaces: a list beside operator.allNamespaces; leave one of them out" -}}
{{- end -}}
{{- end -}}
{{- if $wrong -}}
{{- printf "\n\n  %s\n" (join "\n  " $wrong) | fail -}}
{{- end -}}
{{- end -}}

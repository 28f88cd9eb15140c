"""CodeDeploy's Lambda and ECS platforms: no hosts and no agents, only traffic that moves."""
